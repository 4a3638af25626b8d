"""The printed equations and learning rules, computed and compared with what the engine made of one pass."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.equations import (
    Equation,
    Glyph,
    Statement,
    evaluate,
    follow,
    glyph_of,
    numbers_of,
    parse,
    products,
    symbols,
    target_shape,
)
from handgrad.nn import LAYERS, Check, Loss, Network
from handgrad.nn.gradcheck import STENCIL, STEP, checked
from handgrad.nn.layout import Place, Slot, batch_of
from handgrad.optim import GradientTransforms, Optimizer, Schedule

Array = NDArray[Any]
BETWEEN = "UVHGRE"
SYMBOLS = {"weight": "W", "bias": "b"}
TERMS = 2_000_000  # that one equation may take; of a larger array, elements drawn at random are computed
ELEMENTS, NUMBERS = 40, 8_000_000  # of X that are moved, and outputs that this may take
STEPS = 3
BEFORE = "_before"


class Passage(NamedTuple):
    """One layer: its batch in and out, the loss's gradients by both, and what it has of its own.

    A gradient that the engine had no use for is None. `paths` are the batches on further paths that begin or end here,
    and the gradients by them, under the names that the layer's equations have for them: "X2", "dY2".

    Shapes  x, dx (N, *input); y, dy (N, *output); saved flat, in x's order
    """

    x: Array
    y: Array
    dx: Array | None
    dy: Array | None
    saved: Array | None
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    buffers: dict[str, Array]
    buffers_after: dict[str, Array]
    paths: dict[str, Array | None]


class Trace(NamedTuple):
    """One training pass through a network."""

    loss: float
    labels: Array
    layers: list[Passage]


def trace(network: Network, images: Array, labels: Array, key: int = 1) -> Trace:
    """Run one batch forward and backward in training mode, and read every array; the network stays as it was."""
    buffers, gradients = network.buffers.copy(), network.gradients.copy()
    loss = network.loss_and_gradients(images, labels, key=key)
    try:
        return Trace(
            loss, labels, [_passage(network, place, len(images), buffers) for place in range(len(network.layers))]
        )
    finally:
        network.buffers[:], network.gradients[:] = buffers, gradients


def _passage(network: Network, place: int, rows: int, buffers: Array) -> Passage:
    names = {"X": network.graph.sources[place][0], "Y": place, **network.graph.named_paths(place)}
    pairs = {name: _batches(network, layer, rows) for name, layer in names.items()}
    batches = {name: pair[0] for name, pair in pairs.items()} | {f"d{name}": pair[1] for name, pair in pairs.items()}
    if network.layers[place].path == "branch":  # what was split has the sum of several gradients
        batches["dX"] = None
    x, y, dx, dy = (batches.pop(name) for name in ("X", "Y", "dX", "dY"))
    return Passage(
        x,
        y,
        dx,
        dy,
        _saved(network, place, rows),
        _named(network.parameter_slots, place, network.parameters),
        _named(network.parameter_slots, place, network.gradients),
        _named(network.buffer_slots, place, buffers),
        _named(network.buffer_slots, place, network.buffers),
        batches,
    )


def _batches(network: Network, layer: int, rows: int) -> tuple[Any, Any]:
    """What a layer put out, or the images, and the loss's gradient by it."""
    program, wiring = network.program(rows), network.wiring
    end = wiring.ends[layer] if layer >= 0 else Place(0, "rows", network.input_shape)
    starts, dstarts = (
        {0: 0} | dict(zip(wiring.made, program.table[name].tolist(), strict=True)) for name in ("y_start", "dy_start")
    )
    y = np.array(batch_of(program.activations[starts[end.array] :], end, rows))
    return y, np.array(
        batch_of(program.dactivations[dstarts[end.array] :], end, rows)
    ) if end.array in wiring.trained() else None


def _saved(network: Network, layer: int, rows: int) -> Array | None:
    """What a layer's forward pass saved for each number of its input."""
    program = network.program(rows)
    for row, operation in zip(program.table, network.wiring.operations, strict=True):
        if operation.plan is network.plans[layer] and row["saved_size"] >= rows * row["x_size"]:
            return np.array(batch_of(program.saved[row["saved_start"] :], operation.x, rows))
    return None


def _named(slots: Any, layer: int, vector: Array) -> dict[str, Array]:
    return {slot.part.name: slot.view(vector).copy() for slot in slots if slot.layer == layer}


class Names(NamedTuple):
    """Glyphs of the batch before and after each layer, of the loss's gradients by them, and of the parameters."""

    numbers: list[int]
    arrays: list[Glyph]
    gradients: list[Glyph]
    parameters: list[dict[str, Glyph]]


def names_of(network: Network) -> Names:
    """The names for one network, layer by layer."""
    begins = [any(part.penalised for part in plan.parameters) for plan in network.plans]
    numbers = [sum(begins[: place + 1]) for place in range(len(begins))]
    arrays = _named_arrays([0, *numbers], [True, *begins])
    gradients = [replace(g, letter="δ") if g.letter == "Z" else replace(g, gradient=True) for g in arrays]
    return Names(numbers, arrays, gradients, _parameters(network, numbers))


def symbol_of(parameter: str) -> str:
    """The name by which equations call a parameter."""
    return SYMBOLS.get(parameter, parameter)


def _named_arrays(numbers: list[int], begins: list[bool]) -> list[Glyph]:
    glyphs = []
    for place, number in enumerate(numbers):
        members = [other for other, its in enumerate(numbers) if its == number]
        at, last = place - members[0], place == members[-1]
        first = at == 0 and begins[place]
        letter = (
            ("Z" if number else "A" if last else "X") if first else "A" if last else BETWEEN[(at - 1) % len(BETWEEN)]
        )
        below = str((at - 1) // len(BETWEEN) + 1) if not (first or last) and at > len(BETWEEN) else ""
        glyphs.append(Glyph(letter, above=f"({number})" if letter != "X" else "", below=below))
    return glyphs


def _parameters(network: Network, numbers: list[int]) -> list[dict[str, Glyph]]:
    """With the layer's number above; a second one of a name under the same number has a 2 below."""
    taken: Counter[tuple[int, str]] = Counter()
    found: list[dict[str, Glyph]] = []
    for plan, number in zip(network.plans, numbers, strict=True):
        found.append({})
        for part in plan.parameters:
            taken[number, part.name] += 1
            count = taken[number, part.name]
            glyph = replace(glyph_of(part.name), above=f"({number})")
            found[-1][symbol_of(part.name)] = replace(glyph, below=str(count)) if count > 1 else glyph
    return found


class Agreement(NamedTuple):
    """The largest difference between an equation's steps and the engine, relative to the array's largest number."""

    target: str
    error: float


def agreements(statement: Statement, passage: Passage) -> list[Agreement]:
    """Each equation of a layer against what the engine computed; those of gradients nobody needs are left out."""
    arrays = known_arrays(statement, passage)
    expected = _expected(statement, passage)
    terms = float(np.abs(passage.dy).max()) if passage.dy is not None else 0.0
    found = []
    for equation in equations_of(statement, passage):
        scale = terms if equation.name.startswith("d") else 0.0
        found.append(Agreement(equation.name, _agree(equation, arrays, expected, scale)))
    return found


def equations_of(statement: Statement, passage: Passage) -> list[Equation]:
    """Forward, and backward as far as gradients are wanted: what only leads to an unwanted dX is left out."""
    forward, backward = parse(statement.forward), parse(statement.backward)
    if passage.dy is None:
        return forward
    own = ["d" + symbol_of(name) for name in passage.gradients]
    own += [name for name, array in passage.paths.items() if name.startswith("dX") and array is not None]
    return forward + (backward if passage.dx is not None else leading_to(backward, own))


def leading_to(equations: list[Equation], wanted: list[str]) -> list[Equation]:
    """The equations that define what is wanted, and those that they are built on."""
    kept: list[Equation] = []
    needed = set(wanted)
    for equation in reversed(equations):
        if equation.name in needed:
            kept.insert(0, equation)
            needed |= set().union(*(symbols(step) for step in equation.steps))
    return kept


def loss_agreements(loss: Loss, passage: Passage, labels: Array, value: float) -> list[Agreement]:
    """The loss's equations against the engine's loss and its gradient by the logits."""
    statement = loss.statement()
    if statement is None:
        return []
    rows = len(labels)
    logits, dlogits = (array.reshape(rows, -1) for array in (passage.y, passage.dy) if array is not None)
    onehot = (np.arange(logits.shape[1]) == labels[:, None]).astype(float)
    arrays = {"Z": logits, "Y": onehot, "N": rows, "K": logits.shape[1], "dZ": dlogits, **statement.values}
    expected = {"L": np.asarray(value), "dZ": dlogits}
    equations = parse(statement.forward) + parse(statement.backward)
    return [Agreement(each.name, _agree(each, arrays, expected, 1 / rows)) for each in equations]


def known_arrays(statement: Statement, passage: Passage) -> dict[str, Any]:
    """What a layer's equations may use: its batches in the shapes that they index, parameters, buffers, numbers."""
    shape = (len(passage.x), *(statement.input or passage.x.shape[1:]))
    arrays: dict[str, Any] = {"N": len(passage.x), **statement.values, **passage.buffers}
    arrays |= {"X": passage.x.reshape(shape), "Y": passage.y}
    arrays |= {symbol_of(name): array for name, array in passage.parameters.items()}
    arrays |= {"d" + symbol_of(name): array for name, array in passage.gradients.items()}
    arrays |= {name: array for name, array in passage.paths.items() if array is not None}
    if passage.dy is not None:
        arrays["dY"] = passage.dy
    if passage.dx is not None:
        arrays["dX"] = passage.dx.reshape(shape)
    if statement.saved and passage.saved is not None:
        arrays[statement.saved] = passage.saved.reshape(shape)
    return arrays


def input_check(statement: Statement, passage: Passage, seed: int = 1) -> Check:
    """The engine's dX against finite differences of the printed forward equations, at some elements of X.

    Math    numeric = d/dh sum dY Y(X + h at one element), by five points; the error as in `gradcheck`
    """
    if passage.dx is None or passage.dy is None:
        return Check("dX", math.nan, 0, 0)
    arrays, dx = known_arrays(statement, passage), passage.dx.ravel()
    begun = [name for name in passage.paths if name[0] == "Y"]
    forward = leading_to(parse(statement.forward), ["Y", *begun])
    count = max(8, min(ELEMENTS, NUMBERS // (len(STENCIL) * dx.size)))
    places = np.random.default_rng(seed).choice(dx.size, min(count, dx.size), replace=False)
    slopes = [(_slope(forward, arrays, ["Y", *begun], place), dx[place]) for place in places]
    return checked("dX", slopes, float(np.linalg.norm(dx) / math.sqrt(dx.size)))


def _slope(forward: list[Equation], arrays: dict[str, Any], names: list[str], place: int) -> float | None:
    """The derivative of sum dY Y, over all outputs, by one element of X; None where the steps meet a kink."""
    outs, choices = [], []
    for offset, _ in STENCIL:
        moved, met = arrays["X"].copy(), []  # type: ignore[var-annotated]
        moved.flat[place] += offset * STEP
        here = arrays | {"X": moved}
        for equation in forward:
            here[equation.name] = evaluate(equation, here, choices=met)[-1]
        outs.append([here[name] for name in names])
        choices.append(met)
    for met in choices[1:]:
        if not all(np.array_equal(a, b) for a, b in zip(choices[0], met, strict=True)):
            return None
    total = 0.0
    for at, name in enumerate(names):
        change = sum(weight * (out[at] - outs[0][at]) for (_, weight), out in zip(STENCIL, outs, strict=True))
        total += float((change * arrays[f"d{name}"]).sum())
    return total / STEP


def _expected(statement: Statement, passage: Passage) -> dict[str, Array]:
    shape = (len(passage.x), *(statement.input or passage.x.shape[1:]))
    found = {"Y": passage.y, **passage.buffers_after}
    found |= {"d" + symbol_of(name): array for name, array in passage.gradients.items()}
    found |= {name: array for name, array in passage.paths.items() if array is not None}
    return found | ({"dX": passage.dx.reshape(shape)} if passage.dx is not None else {})


def _agree(equation: Equation, arrays: dict[str, Any], expected: Mapping[str, Array], terms: float) -> float:
    """How far the steps are from the engine, or from one another for what the engine does not keep; sets the latter."""
    wanted = expected.get(equation.name)
    places = None if wanted is None else _sample(equation, arrays)
    steps = evaluate(equation, arrays, places)
    if not steps:
        return math.nan
    if wanted is None:
        arrays[equation.name] = wanted = steps[-1]
    elif places is not None:
        wanted = wanted.ravel()[places]
    scale = max(float(np.abs(wanted).max(initial=0)), terms, 1e-300)
    return float(np.max([np.abs(step - wanted).max(initial=0) for step in steps])) / scale


def _sample(equation: Equation, arrays: Mapping[str, Any]) -> Array | None:
    """Places in the target that there is time to compute; None for all of them."""
    shape = target_shape(equation, arrays)
    size, each = math.prod(shape), products(equation, arrays)
    if not shape or size * each <= TERMS:
        return None
    return np.sort(np.random.default_rng(0).choice(size, max(1, TERMS // each), replace=False))


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
        kernels.driver.optimizer_step(
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
    known: dict[str, Any] = {"w": w, **numbers_of(transforms), **numbers_of(optimizer)}
    known |= {name: 0.0 for line in rule for name in symbols(line) if name not in known}
    for t, (gradient, loss, rate) in enumerate(steps, 1):
        known |= {name + BEFORE: value for name, value in known.items() if not name.endswith(BEFORE)}
        known |= {"t": t, "f": loss, "learning_rate": rate, "dw": gradient[slot.start : slot.stop], "G": gradient}
        known |= {"f" + BEFORE: loss} if t == 1 else {}
        follow(before, known)
        follow(rule, known)
    return np.asarray(known["w"])


def schedule_error(schedule: Schedule, learning_rate: float, total: int) -> float:
    """How far the printed learning rates are from those of a training of `total` steps, relative to the largest."""
    rates = schedule.rates(learning_rate, 0, total, total)
    known = {"t": np.arange(1, total + 1), "steps": total, "learning_rate": learning_rate, **numbers_of(schedule)}
    follow(parse(schedule.statement()), known)
    return float(np.abs(known["eta"] - rates).max() / rates.max())
