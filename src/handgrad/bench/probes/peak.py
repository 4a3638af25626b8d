"""The memory of an ordinary training: Fashion-MNIST with validation, test set and the network of workload A."""

from handgrad.bench.peak_memory import peak_bytes
from handgrad.data import load, split
from handgrad.nn import Dense, Network, Tanh
from handgrad.optim import Adam
from handgrad.training import Settings, Trainer


def run(dataset: str = "fashion_mnist") -> dict[str, int]:
    """Peak bytes of one epoch."""
    data = load(dataset)
    layers = [layer for _ in range(3) for layer in (Dense(128), Tanh())]
    network = Network([*layers, Dense(10)], data.image_shape)
    settings = Settings(optimizer=Adam(1e-4), epochs=1, batch_size=16)
    Trainer(network, split(data, 0.1, 0), settings, (), (data.x_test, data.y_test)).run()
    return {"peak_bytes": peak_bytes()}
