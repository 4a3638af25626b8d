"""One configuration in PyTorch, as a good program has it: data as tensors, one thread, fused or foreach updates."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

PARTS = ("x_train", "y_train", "x_validation", "y_validation")
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # the others have a foreach version

WEIGHTS = {
    "xavier": lambda weight, std: nn.init.xavier_uniform_(weight),
    "random": lambda weight, std: nn.init.normal_(weight, std=std),
}


def read(folder: Path) -> dict[str, Any]:
    """The arrays of a folder as tensors.  Shapes  x (N, D) float32 in [0, 1]; y (N,) int64"""
    arrays = {part: np.load(folder / f"{part}.npy") for part in PARTS}
    return {part: torch.from_numpy(array) for part, array in arrays.items()}


def train(trial: dict[str, Any], data: dict[str, Any], told: Any = lambda accuracy: None) -> dict[str, Any]:
    """Train as `trial` says; `told` is called with the validation accuracy after each epoch.

    The trial's keys: sizes of the layers, activation (a class of torch.nn), weights (a row of WEIGHTS) with their std,
    optimizer (a class of torch.optim) with its arguments, weight_decay, batch_size, epochs, seed.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(trial["seed"])
    model = network(trial)
    optimizer = build_optimizer(model, trial)
    x, y, accuracies, stepped = data["x_train"], data["y_train"], [], 0.0
    for _ in range(trial["epochs"]):
        model.train()
        for rows in torch.randperm(len(x)).split(trial["batch_size"]):
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            stepped = stepped or time.time()
        accuracies.append(accuracy(model, data["x_validation"], data["y_validation"]))
        told(accuracies[-1])
    return {"accuracies": accuracies, "stepped": stepped, "over": time.time()}


def network(trial: dict[str, Any]) -> Any:
    """Linear layers with the activation between them; biases zero."""
    modules: list[Any] = []
    for inputs, outputs in zip(trial["sizes"], trial["sizes"][1:], strict=False):
        layer = nn.Linear(inputs, outputs)
        WEIGHTS[trial["weights"]](layer.weight, trial["std"])
        nn.init.zeros_(layer.bias)
        modules += [layer, getattr(nn, trial["activation"])()]
    return nn.Sequential(*modules[:-1])


def build_optimizer(model: Any, trial: dict[str, Any]) -> Any:
    """The optimizer of that name; weights decay, biases do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if trial["weight_decay"]:
        groups = [{"params": weights, "weight_decay": trial["weight_decay"]}]
        groups += [{"params": [p for p in model.parameters() if p.ndim == 1]}]
    quick = {"fused": True} if trial["optimizer"] in FUSED else {"foreach": True}
    return getattr(torch.optim, trial["optimizer"])(groups, **trial["arguments"], **quick)


def accuracy(model: Any, images: Any, labels: Any) -> float:
    """The share of right answers."""
    model.eval()
    with torch.inference_mode():
        return float((model(images).argmax(1) == labels).float().mean())
