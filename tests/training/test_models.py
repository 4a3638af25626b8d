"""Networks on disk: every registered layer, loss and initialiser comes back as it was."""

import inspect

import numpy as np
import pytest
from tests.ingredients import nn
from tests.nn.rows import closed, suiting_shape

from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LAYERS, LOSSES, Network, Scaling
from handgrad.training import load_model, save_model
from handgrad.training.models import load_weights, save_weights

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 6, 6), np.uint8)


def made(kind):
    """A layer with something in each of its required fields."""
    required = [p for p in inspect.signature(kind).parameters.values() if p.default is inspect.Parameter.empty]
    return kind(*[{"units": 5, "rate": 0.25}.get(parameter.name, 3) for parameter in required])


def same(one, other):
    """Equal in everything that a prediction or a further training would see."""
    assert np.array_equal(one.predict_proba(IMAGES), other.predict_proba(IMAGES))
    assert one.views.keys() == other.views.keys()
    assert all(np.array_equal(one.views[name], other.views[name]) for name in one.views)
    assert (one.layers, one.loss, one.scaling) == (other.layers, other.loss, other.scaling)
    assert (one.input_shape, one.dtype, one.class_names) == (other.input_shape, other.dtype, other.class_names)
    return True


@pytest.mark.parametrize("name", [*LAYERS, *ACTIVATIONS])
def test_every_layer(tmp_path, name):
    layer = made((LAYERS | ACTIVATIONS)[name])
    before = [layer, nn.Flatten()] if suiting_shape(layer) != (6,) else [nn.Flatten(), nn.Dense(5), *closed(layer)]
    network = Network([*before, nn.Dense(3)], (6, 6), seed=2)
    network.buffers += 0.5
    save_model(network, tmp_path / "a.safetensors")
    assert same(network, load_model(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_loss_and_initializer(tmp_path, loss, initializer, dtype):
    layers = [nn.Flatten(), nn.Dense(4, INITIALIZERS[initializer]()), nn.ReLU(), nn.Dropout(0.4), nn.Dense(2)]
    changes = {"scaling": Scaling(0.01, -0.3), "class_names": ("boot", "bag – brown")}
    network = Network(layers, (6, 6), loss=LOSSES[loss](), dtype=dtype, **changes)
    save_model(network, str(tmp_path / "a.safetensors"))
    assert same(network, load_model(str(tmp_path / "a.safetensors")))


def test_the_same_network_is_the_same_file(tmp_path):
    for name in ("a", "b"):
        save_model(Network([nn.Flatten(), nn.Dense(4)], (6, 6)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_layer_that_is_nowhere_registered_is_not_saved(tmp_path):
    class Mine(nn.ReLU):
        pass

    with pytest.raises(CorruptDataError, match="Mine has no row in LAYERS, ACTIVATIONS"):
        save_model(Network([nn.Flatten(), nn.Dense(4), Mine(), nn.Dense(2)], (6, 6)), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_nowhere(tmp_path):
    with pytest.raises(FileSystemError, match=r"cannot read .*/a.safetensors: No such file"):
        load_model(tmp_path / "a.safetensors")
    with pytest.raises(FileSystemError, match=r"cannot write .*/no/a.safetensors: No such file"):
        save_model(Network([nn.Flatten(), nn.Dense(4)], (6, 6)), tmp_path / "no" / "a.safetensors")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors"])
def test_weights_alone(tmp_path, suffix):
    layers = [nn.Flatten(), nn.Dense(4), LAYERS["batch_norm"](), nn.ReLU(), nn.Dense(2)]
    one, other = Network(layers, (6, 6), seed=1), Network(layers, (6, 6), seed=2)
    one.buffers += 0.5
    save_weights(one, tmp_path / f"w{suffix}")
    load_weights(other, tmp_path / f"w{suffix}")
    assert same(one, other)


def test_weights_of_another_network_change_nothing_else(tmp_path):
    save_weights(Network([nn.Flatten(), nn.Dense(4), nn.Dense(2)], (6, 6)), tmp_path / "w.npz")
    for layers in ([nn.Flatten(), nn.Dense(5), nn.Dense(2)], [nn.Flatten(), nn.Dense(4)]):
        with pytest.raises(CorruptDataError, match=r"must have shape|dense layers, expected"):
            load_weights(Network([*layers, nn.Dense(9)], (6, 6)), tmp_path / "w.npz")
    with pytest.raises(UsageError, match=r"ending in .npz, .npy, .safetensors, got .*/w.h5"):
        load_weights(Network([nn.Flatten(), nn.Dense(4)], (6, 6)), tmp_path / "w.h5")
