"""PyTorch on a graphics card: trainings with `--backend torch --device cuda`, and many small networks at once.

    python -m benchmarks.gpu --json gpu.json           needs PyTorch with CUDA; MNIST where handgrad finds it
    python -m benchmarks.gpu --device cpu --seconds 0.2     a trial of the script without a card

Three things are measured. A step of each network below: by handgrad's engine on one core, by handgrad's training loop
with PyTorch's arithmetic on the card, and by a plain PyTorch loop there. A training that is killed on the card and
resumed, beside one that was not. And a sweep: networks of equal shape stacked by torch.func, each with its own images
and its own learning rate, beside handgrad's engine on two cores.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from benchmarks.contenders import Task, initial_weights
from benchmarks.results import versions
from benchmarks.with_handgrad import Hand, layers_of, optimizer_of
from benchmarks.with_torch import build_model
from benchmarks.workloads import WORKLOADS, Rule, Workload, mlp, stages
from handgrad.config.layer_list import named_network
from handgrad.data import Dataset, Split, load
from handgrad.errors import HandgradError
from handgrad.files import atomic_write
from handgrad.machine import machine
from handgrad.nn import Network
from handgrad.torch_port import TorchTrainer
from handgrad.training import Settings, Trainer

ADAM = Rule("adam", 1e-3)
POOL = ("relu", "max_pool2d:2")
LENET = ("conv2d:6,5", *POOL, "conv2d:16,5", *POOL, "flatten", *mlp([120, 84], "relu"))
CNN = ("conv2d:32,3", *POOL, "conv2d:64,3", *POOL, "flatten", *mlp([128], "relu"))
NETWORKS = {
    "C": WORKLOADS["C"],
    "E": WORKLOADS["E"],
    "2048-2048": Workload("784-2048-2048-10 ReLU, batch 128, Adam", "mnist", mlp([2048] * 2, "relu"), 128, ADAM),
    "1024x4": Workload("784-1024x4-10 ReLU, batch 256, Adam", "mnist", mlp([1024] * 4, "relu"), 256, ADAM),
    "LeNet-5": Workload("LeNet-5 ReLU, batch 64, Adam", "mnist", LENET, 64, ADAM),
    "CNN 32-64": Workload("conv 32, 64, dense 128, batch 64, Adam", "mnist", CNN, 64, ADAM),
}
RESNET = Workload(
    "ResNet-20, random 3x32x32, batch 128, momentum",
    "",
    tuple(named_network("resnet20")["layers"]),
    128,
    Rule("momentum", 0.1, momentum=0.9, weight_decay=1e-4),
)
STACKS = (1, 16, 64, 256, 1024)
SWEPT = WORKLOADS["B"]
EPOCHS = 10  # of a sweep's trial
TRAINING = ("--dataset", "mnist", "--model", "cnn", "--epochs", "4", "--backend", "torch")


def main() -> None:
    """Measure, print as it goes, and write everything as JSON."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, or cpu for a trial (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    card = torch.cuda.get_device_name() if arguments.device == "cuda" else "no card"
    found = {"machine": machine(), "versions": versions(), "card": card, "cuda": torch.version.cuda}
    data = load("mnist")
    found["steps"] = {name: steps(NETWORKS[name], data, arguments) for name in arguments.networks}
    found["steps"]["ResNet-20"] = steps(RESNET, random_images(), arguments)
    found["resume"] = resume(arguments.device)
    found["sweep"] = sweep(data, arguments)
    atomic_write(arguments.json, json.dumps(found, indent=1) + "\n")
    print(f"{card}: written to {arguments.json}")


def steps(workload: Workload, data: Any, arguments: Any) -> dict[str, float]:
    """Microseconds a step, the median of turns in which everybody comes once."""
    training: dict[str, Callable[[int], float]] = {
        "handgrad, one core": trainer_of(Trainer, workload, data, "cpu").seconds_for,
        "handgrad on the card": trainer_of(TorchTrainer, workload, data, arguments.device).seconds_for,
    }
    if workload is not RESNET:  # the plain loop builds lists of layers only
        training["PyTorch on the card"] = plain_torch(workload, data, arguments.device)
    turns: dict[str, list[float]] = {name: [] for name in training}
    for name, run in training.items():
        run(20)
        turns[name].append(run(20) / 20)  # how many steps fill the time
    fitting = {name: max(1, min(200, int(arguments.seconds / 5 / turns[name].pop()))) for name in training}
    for _ in range(5):
        for name, run in training.items():
            turns[name].append(run(fitting[name]) / fitting[name])
    found = {name: 1e6 * median(times) for name, times in turns.items()}
    print(f"{workload.title:<45}" + "   ".join(f"{name} {us:,.0f} µs" for name, us in found.items()), flush=True)
    return found


def random_images() -> Dataset:
    """In the shape of CIFAR-10."""
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (5120, 3, 32, 32), np.uint8), generator.integers(0, 10, 5120)
    return Dataset("random", images, labels, images[:10], labels[:10], tuple("0123456789"))


def trainer_of(engine: type[Trainer], workload: Workload, data: Any, device: str) -> Trainer:
    """A trainer on all training images, as `handgrad train` makes it."""
    split = Split(data.x_train, data.y_train, np.arange(len(data.x_train)), np.arange(0))
    settings = Settings(optimizer=optimizer_of(workload.rule), epochs=1, batch_size=workload.batch, keep="last")
    network = Network(layers_of(workload.layers), data.x_train.shape[1:], seed=0)
    return engine(network, split, settings, device=device)


def plain_torch(workload: Workload, data: Any, device: str) -> Callable[[int], float]:
    """The usual loop with images on the card and a fused optimizer; nothing is read back before the end."""
    weights = initial_weights(workload.layers, data.image_shape, 0)
    model = build_model(stages(workload.layers, data.image_shape), weights).to(device)
    rule = torch.optim.Adam if workload.rule.name == "adam" else torch.optim.SGD
    optimizer = rule(model.parameters(), lr=workload.rule.learning_rate, fused=True)
    channels = (1,) * ("conv2d" in workload.layers[0])
    shape = (*channels, *data.image_shape) if channels else (data.x_train[0].size,)
    images = torch.from_numpy(data.x_train.copy()).to(device).reshape(-1, *shape)
    labels = torch.from_numpy(data.y_train.astype(np.int64)).to(device)

    def run(count: int) -> float:
        order = torch.randperm(len(images), device=device).split(workload.batch)
        synchronize(device)
        begin = time.perf_counter()
        for rows in order[:count]:
            optimizer.zero_grad()
            cross_entropy(model(images[rows].float() / 255), labels[rows]).backward()
            optimizer.step()
        synchronize(device)
        return time.perf_counter() - begin

    return run


def synchronize(device: str) -> None:
    """Wait for the card."""
    if device == "cuda":
        torch.cuda.synchronize()


def resume(device: str) -> dict[str, Any]:
    """Whether a training that is killed after its first checkpoint and resumed ends with the weights of another one."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "handgrad", "train", *TRAINING, "--device", device, "--runs_dir", folder]
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        begin = time.perf_counter()
        first = subprocess.run([*command, "--name", "whole", "--report"], check=False, capture_output=True, text=True)
        if first.returncode:
            print(f"the training failed: {first.stderr[-1500:]}", flush=True)
            return {"failed": first.stderr[-1500:]}
        seconds = time.perf_counter() - begin
        process = subprocess.Popen([*command, "--name", "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(killed.glob("checkpoint*")):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = subprocess.run([*command[:3], "resume", str(killed)], check=False, capture_output=True)
        reports = [page.stat().st_size for page in whole.glob("*.html")]
        found = {
            "seconds": seconds,
            "report_bytes": max(reports, default=0),
            "killed": process.returncode == -signal.SIGKILL,
            "resumed": resumed.returncode == 0,
            "same_weights": digest(whole) == digest(killed),
            "test_accuracy": json.loads((whole / "metrics.json").read_text()).get("test", {}).get("accuracy"),
        }
    print(f"killed and resumed: {found}", flush=True)
    return found


def digest(run: Path) -> str:
    """SHA-256 of a run's weights, empty without any."""
    files = sorted(run.glob("*.safetensors"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() if files else ""


def sweep(data: Any, arguments: Any) -> dict[str, float]:
    """Trials an hour, a trial being EPOCHS epochs of all training images by a network of workload B's shape."""
    trial_steps = EPOCHS * (len(data.x_train) // SWEPT.batch)
    found: dict[str, float] = {}
    images = torch.from_numpy(data.x_train.reshape(len(data.x_train), -1).copy()).to(arguments.device)
    labels = torch.from_numpy(data.y_train.astype(np.int64)).to(arguments.device)
    for networks in STACKS:
        stack = Stack(networks, images, labels)
        step = stack.steps
        step(3)
        begin = time.perf_counter()
        step(10)
        count = max(10, int(arguments.seconds * 10 / (time.perf_counter() - begin)))
        begin = time.perf_counter()
        step(count)
        per_step = (time.perf_counter() - begin) / count
        found[f"{networks} stacked"] = 3600 * networks / (per_step * trial_steps)
        apart = f"gradients {stack.difference():.0e} from one network's alone"
        print(f"{networks:>5} stacked: {1e6 * per_step:,.0f} µs a step; {apart}", flush=True)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        core_steps = pool.map(one_core, [arguments.seconds] * 2)
    found["handgrad, two cores"] = 3600 * sum(1 / (seconds * trial_steps) for seconds in core_steps)
    print("trials an hour: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in found.items()), flush=True)
    return found


def one_core(seconds: float) -> float:
    """Seconds a step of workload B by handgrad, while the other core does the same."""
    data = load("mnist")
    whole = len(data.x_train) // SWEPT.batch * SWEPT.batch
    weights = initial_weights(SWEPT.layers, data.image_shape, 0)
    trainer = Hand(Task(SWEPT, data.x_train[:whole], data.y_train[:whole], weights)).trainer(1)
    trainer.seconds_for(100)
    count = min(3000, int(seconds / (trainer.seconds_for(100) / 100)))
    return median(trainer.seconds_for(count) / count for _ in range(3))


class Stack:
    """Networks of one shape whose parameters have one more axis, the network; each has its own rate and batches."""

    def __init__(self, networks: int, images: Any, labels: Any) -> None:
        self.images, self.labels, device = images, labels, images.device
        layers = stages(SWEPT.layers, (28, 28))
        models = [build_model(layers, initial_weights(SWEPT.layers, (28, 28), seed)) for seed in range(networks)]
        self.parameters = {k: v.detach().to(device) for k, v in stack_module_state(models)[0].items()}
        self.means, self.squares = ({k: torch.zeros_like(v) for k, v in self.parameters.items()} for _ in range(2))
        self.rates = torch.logspace(-4, -2, networks, device=device)
        self.betas = torch.tensor([0.9, 0.999], device=device)
        self.powers = torch.ones(2, device=device)  # of the betas: beta ** step
        self.rows = torch.zeros((networks, SWEPT.batch), dtype=torch.int64, device=device)
        model = models[0].to(device)

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            return cross_entropy(functional_call(model, parameters, (x,)), y)

        self.loss, self.gradients = loss, vmap(grad(loss))
        self.graph = self._captured() if device.type == "cuda" else None

    def _captured(self) -> Any:
        """The step as one CUDA graph: a small network's step is many launches and little arithmetic."""
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(3):
                self.step()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph

    def step(self) -> None:
        """One step of Adam (Kingma & Ba 2015) for all networks, in place."""
        x = self.images[self.rows].float() / 255
        found = self.gradients(self.parameters, x, self.labels[self.rows])
        self.powers.mul_(self.betas)
        one, two = 1 - self.powers
        for name, parameter in self.parameters.items():
            gradient, mean, square = found[name], self.means[name], self.squares[name]
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient * gradient, 0.001)
            rates = self.rates.reshape(-1, *[1] * (parameter.ndim - 1))
            parameter.sub_(rates * (mean / one) / ((square / two).sqrt() + 1e-8))

    def difference(self) -> float:
        """The largest difference of the last network's gradients from those that it has alone."""
        x, y = self.images[self.rows].float() / 255, self.labels[self.rows]
        stacked = self.gradients(self.parameters, x, y)
        alone = grad(self.loss)({name: parameter[-1] for name, parameter in self.parameters.items()}, x[-1], y[-1])
        return max(float((stacked[name][-1] - alone[name]).abs().max()) for name in alone)

    def steps(self, count: int) -> None:
        """So many steps, each network on images of its own."""
        networks, size = self.rows.shape
        for _ in range(count):
            self.rows.copy_(torch.randint(len(self.images), (networks, size), device=self.rows.device))
            self.graph.replay() if self.graph else self.step()
        synchronize(self.rows.device.type)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    except HandgradError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
