"""The printed rules of gradient transforms, optimizer and schedule, computed and held against the engine's steps."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.equations import Equation, evaluate, parse, symbols
from handgrad.kernels import driver
from handgrad.nn import LAYERS, Network
from handgrad.nn.layout import Slot
from handgrad.optim import GradientTransforms, Optimizer, Schedule

Array = NDArray[Any]
STEPS = 3
BEFORE = "_before"


def rule_error(optimizer: Optimizer, transforms: GradientTransforms, steps: int = STEPS) -> float:
    """How far weights that follow the printed rules are from the engine's after some steps, relative to their way.

    The gradients are drawn at random, and larger than those of a training, so that clipping shows.
    """
    dense: Any = LAYERS["dense"]
    network = Network([dense(5), dense(3)], (4,), dtype="float64", seed=2)
    generator = np.random.default_rng(3)
    gradients = generator.normal(size=(steps, network.parameters.size)) * (2 * transforms.clip_norm or 1)
    losses, rates = 1 + generator.random(steps), optimizer.learning_rate / (1 + np.arange(steps))
    printed = followed(network, optimizer, transforms, list(zip(gradients, losses, rates, strict=True)))
    optimization, start = optimizer.bind(network, transforms), network.parameters.copy()
    for step in range(steps):
        network.gradients[:] = gradients[step]
        driver.optimizer_step(
            network.program(1), optimization, step + 1, float(rates[step]), float(losses[step]), False
        )
    way = np.abs(network.parameters - start).max()
    return float(np.abs(printed - network.parameters).max() / way)


def followed(
    network: Network, optimizer: Optimizer, transforms: GradientTransforms, steps: Sequence[tuple[Array, float, float]]
) -> Array:
    """The parameters after steps (gradient, loss, learning rate) by the rules in the printed equations."""
    done = [
        _followed(slot, slot.view(network.parameters).ravel().copy(), optimizer, transforms, steps)
        for slot in network.parameter_slots
    ]
    return np.concatenate(done)


def _followed(slot: Slot, w: Array, optimizer: Optimizer, transforms: GradientTransforms, steps: Any) -> Array:
    before = parse(transforms.rule(slot.part.penalised, optimizer.decoupled))
    rule = parse(optimizer.rule)
    known: dict[str, Any] = {"w": w, **_values(transforms), **_values(optimizer)}
    known |= {name: 0.0 for line in rule for name in symbols(line) if name not in known}
    for t, (gradient, loss, rate) in enumerate(steps, 1):
        known |= {name + BEFORE: value for name, value in known.items() if not name.endswith(BEFORE)}
        known |= {"t": t, "f": loss, "learning_rate": rate, "dw": gradient[slot.start : slot.stop], "G": gradient}
        known |= {"f" + BEFORE: loss} if t == 1 else {}
        _run(before, known)
        _run(rule, known)
    return np.asarray(known["w"])


def schedule_error(schedule: Schedule, learning_rate: float, total: int) -> float:
    """How far the printed learning rates are from those of a training of `total` steps, relative to the largest."""
    rates = schedule.rates(learning_rate, 0, total, total)
    known = {"t": np.arange(1, total + 1), "steps": total, "learning_rate": learning_rate, **_values(schedule)}
    _run(parse(schedule.statement()), known)
    return float(np.abs(known["eta"] - rates).max() / rates.max())


def _values(thing: Any) -> dict[str, float]:
    return {field.name: float(getattr(thing, field.name)) for field in fields(thing)}


def _run(lines: Sequence[Equation], known: dict[str, Any]) -> None:
    for line in lines:
        known[line.name] = evaluate(line, known)[-1]
