"""PyTorch in a race: the same network, schedule and shifts, written the usual way."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from handgrad.bench.contenders.torch_eager import build_model, build_optimizer
from handgrad.bench.goals import Goal
from handgrad.bench.racers import Entry
from handgrad.bench.workloads import parse, stages

Scheduler = Callable[[Any, Goal, int], Any]

SCHEDULES: dict[str, Scheduler] = {
    "constant": lambda optimizer, goal, steps: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0),
    "cosine": lambda optimizer, goal, steps: torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))
    ),
    "one_cycle": lambda optimizer, goal, steps: torch.optim.lr_scheduler.OneCycleLR(
        optimizer, goal.rule.learning_rate, total_steps=steps, cycle_momentum=False
    ),
}


def race(entry: Entry) -> None:
    """Train on all training images until the goal or the last epoch."""
    goal, data = entry.goal, entry.data
    torch.manual_seed(entry.seed)
    torch.set_num_threads(entry.threads)
    torch.set_flush_denormal(True)
    model = build_model(stages(goal.layers, data.image_shape), entry.weights)
    optimizer = build_optimizer(model, goal.rule)
    images, labels = _pixels(data.x_train), torch.from_numpy(data.y_train.copy())
    scheduler = SCHEDULES[goal.schedule](optimizer, goal, goal.epochs * -(-len(images) // goal.batch))
    enter = _entrance(goal)
    test, test_labels = _pixels(data.x_test), torch.from_numpy(data.y_test.copy())
    for _ in range(goal.epochs):
        model.train()
        for rows in torch.randperm(len(images)).split(goal.batch):
            optimizer.zero_grad()
            functional.cross_entropy(model(enter(shifted(images[rows], goal.shift))), labels[rows]).backward()
            optimizer.step()
            scheduler.step()
        if entry.lap(_accuracy(model, enter(test), test_labels)):
            return


def _entrance(goal: Goal) -> Callable[[Any], Any]:
    """What becomes of images (N, 1, H, W) before a network: rows for a dense layer, as they are for a convolution."""
    return (lambda images: images) if parse(goal.layers[0])[0] == "conv2d" else (lambda images: images.flatten(1))


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
