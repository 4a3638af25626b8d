"""PyTorch, written the usual way: the data as one tensor indexed by a permutation, fused optimizers, no denormals."""

import time
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import Array, Contender, Entry, Task, Weights
from benchmarks.workloads import Goal, Rule, Stage, stages

MODULES: dict[str, Callable[[Stage], Any]] = {
    "dense": lambda stage: nn.Linear(prod(stage.inputs), stage.outputs[-1]),
    "conv2d": lambda stage: nn.Conv2d(stage.inputs[-1], stage.outputs[-1], int(stage.numbers[1]), padding="same"),
    "max_pool2d": lambda stage: nn.MaxPool2d(int(stage.numbers[0])),
    "batch_norm": lambda stage: (nn.BatchNorm2d if len(stage.inputs) == 3 else nn.BatchNorm1d)(stage.inputs[-1]),
    "dropout": lambda stage: nn.Dropout(stage.numbers[0]),
    "flatten": lambda stage: nn.Flatten(),
    "relu": lambda stage: nn.ReLU(),
    "tanh": lambda stage: nn.Tanh(),
    "sigmoid": lambda stage: nn.Sigmoid(),
}

NAMES = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


class Eager(Contender):
    """Step by step in Python, as most programs are written."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        torch.manual_seed(task.seed)
        torch.set_num_threads(task.threads)
        torch.set_flush_denormal(True)
        self.model = build_model(task.stages, task.weights)
        self.optimizer = build_optimizer(self.model, task.workload.rule)
        self.images, self.labels = self._tensor(task.images), torch.from_numpy(task.labels.copy())
        self.loss = self._loss

    def _tensor(self, images: Array) -> Any:
        pixels = torch.from_numpy(self.task.pixels(images))
        return pixels.permute(0, 3, 1, 2).contiguous() if pixels.ndim == 4 else pixels

    def _loss(self, images: Any, labels: Any) -> Any:
        return functional.cross_entropy(self.model(images), labels)

    def train(self, orders: Iterable[Array]) -> list[float]:
        """The usual four lines a step."""
        self.model.train()
        seconds = []
        for order in orders:
            begin = time.perf_counter()
            for rows in torch.from_numpy(order).split(self.task.workload.batch):
                self.optimizer.zero_grad()
                self.loss(self.images[rows], self.labels[rows]).backward()
                self.optimizer.step()
            seconds.append(time.perf_counter() - begin)
        return seconds

    def logits(self, images: Array) -> Array:
        """In one batch, without gradients."""
        self.model.eval()
        with torch.inference_mode():
            return np.asarray(self.model(self._tensor(images)))


class Compiled(Eager):
    """Forward and backward pass through torch.compile; compiling the fused optimizer too made steps slower."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.loss = torch.compile(self._loss)


def build_model(stages: list[Stage], weights: Weights) -> Any:
    """The network of a workload with the given first weights."""
    modules = [MODULES[stage.operation](stage) for stage in stages]
    with torch.no_grad():
        for module, arrays in zip(modules, weights, strict=True):
            for name, array in arrays.items():
                getattr(module, NAMES[name]).copy_(torch.from_numpy(_turned(array)))
    return nn.Sequential(*modules)


def _turned(array: Array) -> Array:
    """PyTorch keeps outputs first: (out, in), and (out, in, height, width)."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T)


def build_optimizer(model: Any, rule: Rule) -> Any:
    """Fused; weight decay for weights of dense layers and convolutions only."""
    named = list(model.named_parameters())
    penalised = [p for name, p in named if name.endswith("weight") and p.ndim > 1]
    others = [p for name, p in named if not (name.endswith("weight") and p.ndim > 1)]
    groups = [{"params": penalised, "weight_decay": rule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if not rule.weight_decay:
        groups = [{"params": [p for _, p in named]}]  # one fused call instead of two
    if rule.name == "adam":
        return torch.optim.Adam(groups, lr=rule.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=rule.learning_rate, momentum=rule.momentum, fused=True)


def race(entry: Entry) -> None:
    """Train on all training images until the goal or the last epoch."""
    goal, data = entry.goal, entry.data
    torch.manual_seed(entry.seed)
    torch.set_num_threads(entry.threads)
    torch.set_flush_denormal(True)
    model = build_model(stages(goal.layers, data.image_shape), entry.weights)
    optimizer = build_optimizer(model, goal.rule)
    images, labels = _pixels(data.x_train), torch.from_numpy(data.y_train.copy())
    scheduler = one_cycle(optimizer, goal, goal.epochs * -(-len(images) // goal.batch))
    test, test_labels = _pixels(data.x_test), torch.from_numpy(data.y_test.copy())
    for _ in range(goal.epochs):
        model.train()
        for rows in torch.randperm(len(images)).split(goal.batch):
            optimizer.zero_grad()
            functional.cross_entropy(model(shifted(images[rows], goal.shift)), labels[rows]).backward()
            optimizer.step()
            scheduler.step()
        if entry.lap(_accuracy(model, test, test_labels)):
            return


def one_cycle(optimizer: Any, goal: Goal, steps: int) -> Any:
    """handgrad's schedule of that name."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, goal.rule.learning_rate, total_steps=steps, cycle_momentum=False
    )


def _pixels(images: Any) -> Any:
    return torch.from_numpy(images.copy()).float().div_(255)[:, None]


def shifted(images: Any, shift: float) -> Any:
    """Each image moved by up to `shift` pixels each way.  Shapes  (N, 1, H, W)"""
    return moved(images, shift * (2 * torch.rand(len(images), 2) - 1)) if shift else images


def moved(images: Any, pixels: Any) -> Any:
    """out[i, j] = image at (i + down, j + right), bilinear, black outside.  Shapes  pixels (N, 2): right, down"""
    height, width = images.shape[2:]
    sides = 2 * pixels / torch.tensor([width, height])  # affine_grid takes an image's sides to be 2 long
    matrices = torch.cat([torch.eye(2).expand(len(images), 2, 2), sides[:, :, None]], dim=2)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _accuracy(model: Any, images: Any, labels: Any) -> float:
    model.eval()
    with torch.inference_mode():
        return float((model(images).argmax(1) == labels).float().mean())
