"""Training steps of one configuration timed in handgrad or in PyTorch, alone in this process.

`python -m handgrad.cli.timing '{"engine": "handgrad", …}'` prints the numbers, see `timed`, as one line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.config import RunConfig, build_dataset
from handgrad.errors import UsageError
from handgrad.machine import peak_bytes
from handgrad.runs import prepare
from handgrad.torch_mapping import arguments_from
from handgrad.torch_port import to_torch
from handgrad.torch_port.port import criterion, places, torch_attribute
from handgrad.training import Trainer

WARM_UP_SECONDS, TIMED_SECONDS = 0.2, 1.0
# The other optimizers of PyTorch have a foreach version.
FUSED = {"torch.optim.SGD", "torch.optim.Adam", "torch.optim.AdamW", "torch.optim.Adagrad"}

TimeSteps = Callable[[int], float]
"""Trains the first so many steps of an epoch, and returns the seconds that they took."""


def timed(engine: str, config: dict[str, Any], start: float, threads: int = 1) -> dict[str, Any]:
    """Seconds of a step, from `start` (time.monotonic) to the end of the first step, and peak bytes.

    What PyTorch lacks is a reason under `skipped`, not an error.
    """
    settings = RunConfig(**config)
    trainer = Trainer(*prepare(settings, build_dataset(settings)))
    try:
        time_steps = trainer.seconds_for if engine == "handgrad" else ordinary_pytorch(trainer, threads)
    except UsageError as reason:
        return {"skipped": str(reason)}
    time_steps(1)
    first = time.monotonic() - start
    return {"seconds": step_seconds(time_steps, trainer.steps_per_epoch), "first": first, "bytes": peak_bytes()}


def step_seconds(time_steps: TimeSteps, steps_per_epoch: int) -> float:
    """Seconds of a step once a doubling number of them has warmed everything up."""
    steps = 1
    while time_steps(steps) < WARM_UP_SECONDS and steps < steps_per_epoch:
        steps = min(2 * steps, steps_per_epoch)
    seconds, calls = 0.0, 0
    while seconds < TIMED_SECONDS:
        seconds, calls = seconds + time_steps(steps), calls + 1
    return seconds / (steps * calls)


def ordinary_pytorch(trainer: Trainer, threads: int) -> TimeSteps:
    """The same network, loss, optimizer, penalties and batches in the loop that PyTorch programs usually have.

    The images are one tensor, updates are fused, denormal numbers flushed to zero; there is no augmentation.

    Raises  UsageError when PyTorch has no counterpart of a layer, the loss or the optimizer, or there is an L1 penalty.
    """
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    network, batches, clip_norm = trainer.network, trainer.batches(0), trainer.settings.transforms.clip_norm
    model, loss = to_torch(network).train(), criterion(network.loss)
    optimizer = _optimizer(trainer, model)
    pixels = batches.images.astype(network.dtype) * batches.scale + batches.shift
    images = torch.from_numpy(pixels.reshape(-1, *network.input_shape))
    labels, order = torch.from_numpy(np.array(batches.labels)), torch.from_numpy(np.array(batches.order))

    def time_steps(steps: int) -> float:
        rates = [trainer.learning_rate_at(step) for step in range(1, steps + 1)]
        begin = time.perf_counter()
        for rate, rows in zip(rates, order.split(batches.size), strict=False):
            optimizer.zero_grad()
            loss(model(images[rows]).flatten(1), labels[rows]).backward()
            if clip_norm:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        return time.perf_counter() - begin

    return time_steps


def _optimizer(trainer: Trainer, model: Any) -> Any:
    """PyTorch's optimizer, with one group of parameters, or two where only the weights decay."""
    ours, transforms = trainer.settings.optimizer, trainer.settings.transforms
    if ours.torch is None or transforms.l1:
        lacking = "L1 penalty" if transforms.l1 else f"optimizer {type(ours).__name__.lower()}"
        raise UsageError(f"PyTorch has no {lacking}")
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if transforms.weight_decay:
        decaying = {place.key for place in places(trainer.network) if place.trained and place.slot.part.penalised}
        weights, others = (
            [p for name, p in model.named_parameters() if (name in decaying) is decays] for decays in (True, False)
        )
        groups = [{"params": weights, "weight_decay": transforms.weight_decay}, {"params": others, "weight_decay": 0.0}]
    arguments = arguments_from(ours, ours.torch.arguments) | {"fused" if ours.torch.name in FUSED else "foreach": True}
    return torch_attribute(ours.torch.name)(groups, lr=ours.learning_rate, **arguments)


if __name__ == "__main__":
    print(json.dumps(timed(**json.loads(sys.argv[1]))))
