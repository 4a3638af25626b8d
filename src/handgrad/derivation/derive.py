"""The back-propagation equations of one network, from the layers that run, in the order of a derivation by hand."""

from collections.abc import Callable
from dataclasses import fields
from math import isnan, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import RunConfig, build_dataset
from handgrad.config.describe import beyond, beyond_line
from handgrad.derivation.document import (
    ENGINE_BOUND,
    NUMERIC_BOUND,
    Chapter,
    Derivation,
    Meaning,
    Section,
    Value,
    Verdict,
    verdict,
)
from handgrad.derivation.learning import Learning, learning_chapters, penalty_lines
from handgrad.derivation.verify import (
    Agreement,
    Names,
    Passage,
    Trace,
    agreements,
    equations_of,
    input_check,
    loss_agreements,
    names_of,
    symbol_of,
    trace,
)
from handgrad.equations import Equation, Glyph, Statement, Symbol, Text, dressed, glyph_of, parse, symbols
from handgrad.nn import Check, Initializer, Network, gradcheck
from handgrad.runs import Run, prepare
from handgrad.training import Trainer
from handgrad.training.diagnose import heed, of_images

Array = NDArray[Any]
IMAGES = 4
ELEMENTS, PRODUCTS = 40, 4e10  # of each parameter that finite differences are taken at; what all may cost
UNWANTED = "Nothing below it is trained: no gradient by its input is wanted."
BEGINS = "Its gradient is that of one path: at the split it is added to those of the others."
SILENT = "This layer states no equations: its class has no `statement`."
CONVENTIONS = (
    "A batch is a matrix with an image in each row, or an array with the images along its first axis.",
    "Indices count from 0. An element outside of an array, such as a pixel beyond the border, is 0.",
    "⊙ multiplies element by element, and functions act on each element; [condition] is 1 where it holds, else 0.",
    "∂L/∂A has the shape of A: its elements are the derivatives of the loss by the elements of A.",
)
Report = Callable[[str], None]
WEIGHED = (
    "In training, an image counts by the weight v of its class: a batch has the loss sum_n v_n l_n / sum_n v_n of the "
    "losses l_n of single images, and their gradients likewise. The equations here have all images alike."
)


class Bound(NamedTuple):
    """A layer with everything that is known about it here."""

    place: int
    title: str
    statement: Statement | None
    passage: Passage
    known: dict[str, Glyph]
    parameters: dict[str, bool]  # by name, whether they are penalised
    begins_path: bool


def derive(
    network: Network, batch: tuple[Array, Array], learning: Learning, report: Callable[[str], None] = lambda line: None
) -> Derivation:
    """State the equations of a network with its present weights, and check each on a real batch in float64.

    Shapes  batch: images (N, ...) as the network takes them, labels (N,); a handful is enough
    `report` is called now and then with what is being done.
    """
    exact = in_float64(network)
    report("the equations, computed against the engine")
    passed, names = trace(exact, *batch), names_of(exact)
    layers = [_bound(exact, place, passed, names) for place in range(len(exact.layers))]
    report("finite differences of the loss")
    checks = gradient_checks(exact, batch)
    return Derivation(
        f"Back-propagation through {len(layers)} layers, {exact.parameters.size:,} parameters",
        (),
        CONVENTIONS,
        _meanings(exact, names, learning),
        [
            Chapter(
                "Forward pass",
                "From the batch to the logits, first layer to last.",
                [_forward(each) for each in layers],
            ),
            _loss(exact, passed, names),
            Chapter(
                "Backward pass",
                "The chain rule, last layer to first: each layer is given the gradient of the loss by its output, and "
                "gives on the gradient by its input. Below each: how far the engine's gradients are from numerical "
                "ones, and the equations as printed from the engine.",
                [_backward(each, checks, learning) for each in reversed(layers)],
            ),
            *learning_chapters(learning),
        ],
    )


def in_float64(network: Network) -> Network:
    """The same network, weights and all, in the precision in which gradients can be checked."""
    exact = Network(
        network.layers,
        network.input_shape,
        loss=network.loss,
        dtype="float64",
        scaling=network.scaling,
        class_names=network.class_names,
    )
    exact.parameters[:], exact.buffers[:] = network.parameters, network.buffers
    return exact


def gradient_checks(network: Network, batch: tuple[Array, Array]) -> dict[str, Check]:
    """The gradient check, of fewer elements where a pass takes long."""
    passes = 4 * 3 * len(batch[0]) * len(network.parameter_slots)
    products = sum(prod(plan.output[1:]) * sum(part.size for part in plan.parameters) for plan in network.plans)
    elements = int(min(ELEMENTS, max(2, PRODUCTS / (passes * products))))
    return {check.name: check for check in gradcheck(network, batch, elements=elements, key=1)}


def _bound(network: Network, place: int, passed: Trace, names: Names) -> Bound:
    layer, passage = network.layers[place], passed.layers[place]
    graph = network.graph
    used = {"X": graph.sources[place][0], "Y": place, **graph.named_paths(place)}
    known = {name: names.arrays[at + 1] for name, at in used.items()} | names.parameters[place]
    known |= {f"d{name}": names.gradients[at + 1] for name, at in used.items()}
    parameters = {part.name: part.penalised for part in network.plans[place].parameters}
    statement = graph.statement(network.layers, place, passage.x.shape[1:])
    return Bound(place, described(layer), statement, passage, known, parameters, layer.path == "branch")


def described(layer: Any) -> str:
    """A layer as a person would write it down: Conv2D(4, kernel_size 3)."""
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    settings = [f"{name} {value}" for name, value in values.items() if not isinstance(value, Initializer | type(None))]
    return type(layer).__name__ + (f" ({', '.join(settings)})" if settings else "")


def _forward(layer: Bound) -> Section:
    shapes = " → ".join("×".join(map(str, each.shape[1:])) for each in (layer.passage.x, layer.passage.y))
    title = f"Layer {layer.place}: {layer.title}, {shapes}"
    if layer.statement is None:
        return Section(title, [], remarks=(SILENT,))
    lines = parse(layer.statement.forward)
    return Section(title, _dressed(layer, lines), _values(layer.statement, lines), layer.statement.remarks)


def _backward(layer: Bound, checks: dict[str, Check], learning: Learning) -> Section:
    title = f"Layer {layer.place}: {layer.title}"
    gradients = {name: glyph_of("d" + symbol_of(name), layer.known) for name in layer.parameters}
    numeric = tuple(_numeric(checks[f"{layer.place}.{name}"], glyph) for name, glyph in gradients.items())
    if layer.passage.dy is None:
        return Section(title, [], remarks=("Nothing here or below is trained: no gradient is wanted.",))
    if layer.statement is None:
        return Section(title, [], remarks=(SILENT,), checks=numeric)
    forward = {line.name for line in parse(layer.statement.forward)}
    lines = [line for line in equations_of(layer.statement, layer.passage) if line.name not in forward]
    if not layer.passage.parameters and layer.passage.dx is not None:
        numeric = (_numeric(input_check(layer.statement, layer.passage), layer.known["dX"]),)
    remarks = () if layer.passage.dx is not None else (BEGINS if layer.begins_path else UNWANTED,)
    equations = _dressed(layer, lines)
    for name, penalised in layer.parameters.items():
        equations += penalty_lines(learning, layer.known, symbol_of(name), penalised)
    checks_made = (*numeric, _agreement(agreements(layer.statement, layer.passage)))
    return Section(title, equations, _values(layer.statement, lines), remarks, checks_made)


def _dressed(layer: Bound, lines: list[Equation]) -> list[Equation]:
    """With the network's names; whole arrays are the batches, the parameters and their gradients."""
    own = {symbol_of(name) for name in layer.passage.parameters}
    whole = {"X", "Y", "dX", "dY", *own, *(f"d{name}" for name in own), *layer.passage.paths}
    statement = layer.statement
    forward = parse(statement.forward) if statement else []
    known = layer.known | {line.name: glyph_of(line.name, layer.known) for line in forward}
    if statement and statement.saved:
        whole.add(statement.saved)
    whole |= {line.name for line in dressed(forward, known, whole) if isinstance(line.target, Symbol)}
    return dressed(lines, known, whole)


def _values(statement: Statement, lines: list[Equation]) -> list[Value]:
    used = set().union(*(symbols(line) for line in lines)) if lines else set()
    return [
        Value(Symbol(name, glyph_of(name)), value, name) for name, value in statement.values.items() if name in used
    ]


def _loss(network: Network, passed: Trace, names: Names) -> Chapter:
    statement = network.loss.statement()
    title, last = f"Loss: {described(network.loss)}", names.arrays[-1]
    if statement is None:
        return Chapter(title, SILENT, [])
    known = {"Z": last, "dZ": names.gradients[-1]}
    found = loss_agreements(network.loss, passed.layers[-1], passed.labels, passed.loss)
    parts = [("Value", statement.forward, ()), ("Gradient by the logits", statement.backward, (_agreement(found),))]
    sections = []
    for name, text, checks in parts:
        lines = parse(text)
        equations = dressed(lines, known, {"Z", "dZ", "P", "Q", "Y"})
        sections.append(Section(name, equations, _values(statement, lines), checks=checks))
    introduction = f"Of the logits {_flat(last)} and the one-hot labels Y, both N × {network.classes}."
    return Chapter(title, introduction, sections)


def _meanings(network: Network, names: Names, learning: Learning) -> list[Meaning]:
    shapes = [network.input_shape, *(plan.output for plan in network.plans)]
    meanings = [
        Meaning(Symbol("N", Glyph("N")), (), f"images in a batch: {learning.batch_size} in training"),
        Meaning(Symbol("K", Glyph("K")), (), f"classes: {network.classes}"),
        Meaning(Symbol("Y", Glyph("Y")), ("N", network.classes), "one-hot labels"),
        Meaning(Symbol("L", Glyph("L")), (), "the loss, a mean over the batch"),
    ]
    for place, glyph in enumerate(names.arrays):
        what = f"output of layer {place - 1}, {type(network.layers[place - 1]).__name__}" if place else "the batch"
        meanings.append(Meaning(Symbol("array", glyph), ("N", *shapes[place]), what))
        if glyph.letter == "Z":
            meanings.append(Meaning(Symbol("δ", names.gradients[place]), ("N", *shapes[place]), f"∂L/∂{_flat(glyph)}"))
        plan = network.plans[place] if place < len(network.plans) else None
        for part in plan.parameters if plan else ():
            glyph = names.parameters[place][symbol_of(part.name)]
            meaning = f"{part.name} of layer {place}, {prod(part.shape):,} numbers"
            meanings.append(Meaning(Symbol(part.name, glyph), part.shape, meaning, f"{place}.{part.name}"))
    return meanings


def _flat(glyph: Glyph) -> str:
    return Text().glyph(glyph, ())


def _numeric(check: Check, gradient: Glyph) -> Verdict:
    of_all = f" of {check.checked + check.on_kink} elements, the others lie on a kink" if check.on_kink else " elements"
    made = f" ({check.checked}{of_all})"
    return verdict(f"numerical gradient check of {_flat(gradient)}", check.relative_error, NUMERIC_BOUND, made)


def _agreement(found: list[Agreement]) -> Verdict:
    worst = max(found, key=lambda each: np.inf if isnan(each.error) else each.error)
    return verdict("equations against engine", worst.error, ENGINE_BOUND)


def derive_run(run: Run, report: Report = lambda line: None) -> Derivation:
    """Of a run's network, with the weights that it ended with."""
    return _derived(run.config, run.load_model(), f"Run {run.name}, with its trained weights.", report)


def derive_config(config: RunConfig, report: Report = lambda line: None) -> Derivation:
    """Of the network that a configuration describes, with the weights that training would start from."""
    return _derived(config, None, "Weights as training would start from them.", report)


def _derived(config: RunConfig, trained: Network | None, origin: str, report: Report) -> Derivation:
    dataset = build_dataset(config)
    network, parts, settings = prepare(config, dataset)
    if trained is None:
        heed(of_images(parts, dataset.class_names, dataset))
    steps = Trainer(network, parts, settings).total_steps
    learning = Learning(settings.optimizer, settings.transforms, settings.schedule, settings.batch_size, steps)
    batch = dataset.x_train[:IMAGES], dataset.y_train[:IMAGES]
    derivation = derive(trained or network, batch, learning, report)
    names = beyond(config)
    also = [*([beyond_line(config, names)] if names else []), *([WEIGHED] if config.class_weight else [])]
    facts = (origin, config.command(), *also, f"Checked in float64 on {len(batch[0])} images of {dataset.name}.")
    return derivation._replace(facts=facts)
