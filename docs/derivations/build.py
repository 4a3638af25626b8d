"""Writes the pages of docs/derivations, after a change of equations or for a new row: `python build.py`.

The prose of a page is written by hand. What stands between <!-- begin NAME --> and <!-- end --> is made from the class:
its equations, and an example of two numbers by two in which each equation is written out for one element.
"""

import inspect
import itertools
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from handgrad.derivation.document import Section, markdown_section
from handgrad.derivation.learning import EVERYWHERE, SCHEDULE_GLYPHS
from handgrad.equations import (
    Derivative,
    Indexed,
    Latex,
    Number,
    Scope,
    Symbol,
    at_steps,
    dressed,
    evaluate,
    glyph_of,
    parse,
    symbols,
    walk,
)
from handgrad.equations.compute import target_ranges, value
from handgrad.equations.tree import Binary, Call, Cases, Negative, Reduction
from handgrad.nn import ACTIVATIONS, LAYERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GROUPS = {
    "Layers": LAYERS,
    "Activations": ACTIVATIONS,
    "Losses": LOSSES,
    "Optimizers": OPTIMIZERS,
    "Schedules": SCHEDULES,
    "Gradient transforms": {"gradient_transforms": GradientTransforms},
}
ROWS = {name: cls for registry in GROUPS.values() for name, cls in registry.items()}
LATEX = Latex()
LETTERS = (
    "X",
    "X2",
    "Y",
    "Y2",
    "W",
    "b",
    "gamma",
    "beta",
    "slope",
)  # of the batch before and after a layer, and of its parameters
TERMS = 9  # of a sum that are written out

X, DY = [[1, -2], [3, 0.5]], [[1, 2], [-1, 0.5]]
IMAGE = [[[[1, 2, 0, 1], [0, 1, 3, -1], [2, 0, 1, 1], [1, 4, 0, 2]]]]
SQUARE = [[[[1, -1], [0.5, 2]]]]
# Settings of a layer, and the arrays that its example needs beside or instead of X and dY.
LAYER_EXAMPLES = {
    "dense": ({"units": 2}, {"W": [[1, 2], [-1, 0.5]], "b": [0.5, -1]}),
    "dropout": ({}, {"M": [[2, 0], [0, 2]]}),
    # Of two numbers, whatever they are, normalisation makes -1 and 1: it takes four to have a gradient.
    "batch_norm": (
        {"epsilon": 1e-9},
        {"X": [[1, -2], [1, 2], [3, 2], [3, -2]], "gamma": [1, 2], "beta": [0, 1]}
        | {"running_mean": [1, 1], "running_variance": [1, 1], "dY": [[1, 2], [-1, 0.5], [2, -1], [0, 1]]},
    ),
    "layer_norm": (
        {"epsilon": 1e-9},
        {"X": [[1, 1, 3, 3], [-2, 2, 2, -2]], "gamma": [1, 2, 1, 1], "beta": [0, 1, 0, 0]}
        | {"dY": [[1, -1, 2, 0], [2, 0.5, -1, 1]]},
    ),
    "flatten": ({}, {"X": SQUARE, "dY": [[1, -1, 0.5, 2]]}),
    "conv2d": (
        {"filters": 1, "kernel_size": 2, "padding": "valid"},
        {"X": [[[[1, 2, 0], [0, 1, 3], [2, 0, 1]]]], "W": [[[[1, -1], [2, 0.5]]]], "b": [0.5], "dY": SQUARE},
    ),
    "max_pool2d": ({}, {"X": IMAGE, "dY": SQUARE}),
    "average_pool2d": ({}, {"X": IMAGE, "dY": SQUARE}),
    "global_average_pool": ({}, {"X": SQUARE, "dY": [[2]]}),
    "group_norm": (
        {"groups": 2, "epsilon": 1e-9},
        {"X": [[[[1, 3]], [[-2, 2]]]], "gamma": [1, 2], "beta": [0, 1], "dY": [[[[1, 2]], [[-1, 0.5]]]]},
    ),
    "prelu": ({}, {"slope": [0.25]}),
    "pad_channels": ({"channels": 2}, {"X": [[[[1, 2]]]], "dY": [[[[1, -1]], [[2, 0.5]]]]}),
    "transpose": ({}, {"X": [[[[1, 2]], [[3, 4]], [[5, 6]]]], "dY": [[[[1], [-1], [0.5]], [[2], [3], [0]]]]}),
    "split": ({}, {"dY2": [[0.5, 1], [2, -1]]}),
    "add": ({}, {"X2": [[0.5, 1], [2, -1]]}),
    "concat": ({}, {"X2": [[4], [5]], "dY": [[1, 2, 3], [-1, 0.5, 2]]}),
}
LOSS_EXAMPLES = {"cross_entropy": {"label_smoothing": 0.2}}
SCHEDULE_EXAMPLES = {
    "step": {"schedule_steps": 3, "schedule_factor": 0.5},
    "exponential": {"schedule_steps": 3, "schedule_factor": 0.5},
    "warmup": {"warmup_steps": 4},
}
SKELETON = """# {title}

<!-- begin source -->
<!-- end -->

## In words

## {kept}

## Derivation

<!-- begin equations -->
<!-- end -->

## In numbers

<!-- begin example -->
<!-- end -->
"""
BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(name: str, text: str) -> str:
    """The page of a row with its generated blocks as they should be; `text` is the page as it is."""
    blocks = {"source": source(ROWS[name]), **dict(zip(("equations", "example"), derivation(name), strict=True))}
    return BLOCK.sub(lambda found: found[1] + blocks[found[2]].rstrip() + "\n" + found[3], text)


def source(cls: type) -> str:
    """What the class says of itself, its file and its reference."""
    path = Path(inspect.getfile(cls)).resolve()
    short = path.relative_to(path.parents[[p.name for p in path.parents].index("handgrad")])
    said = [" ".join(part.split()) for part in inspect.getdoc(cls).split("\n\n")]
    reference = getattr(cls, "reference", "")
    said = [part.replace("Ref ", "Reference: ") for part in said]
    lines = [*said, *([f"Reference: {reference}."] if reference else [])]
    return "\n\n".join([*lines, f"Code: [`{short}`](../../src/handgrad/{short})"]) + "\n"


def derivation(name: str) -> tuple[str, str]:
    """The equations of a row, and its example, in Markdown."""
    for registry, write in ((LAYERS, _layer), (ACTIVATIONS, _layer), (LOSSES, _loss), (OPTIMIZERS, _optimizer)):
        if name in registry:
            return write(name, registry[name])
    return _schedule(name, SCHEDULES[name]) if name in SCHEDULES else _transforms()


def _layer(name: str, cls: type) -> tuple[str, str]:
    settings, changed = LAYER_EXAMPLES.get(name, ({}, {}))
    arrays = {key: np.array(array, float) for key, array in ({"X": X, "dY": DY} | changed).items()}
    layer = cls(**settings)
    others = [array.shape[1:] for key, array in arrays.items() if key in ("X2", "dY2")]
    statement = layer.statement(arrays["X"].shape[1:], *others)
    output = layer.plan(arrays["X"].shape[1:], *(others if "X2" in arrays else [])).output
    arrays |= {"Y": np.zeros((len(arrays["X"]), *output))} | {
        f"d{key}": np.zeros_like(arrays[key]) for key in arrays if key in LETTERS
    }
    return _statement(statement, arrays, LETTERS, layer)


def _loss(name: str, cls: type) -> tuple[str, str]:
    loss = cls(**LOSS_EXAMPLES.get(name, {}))
    arrays = {"Z": np.array([[1.0, 0], [0, 2]]), "Y": np.array([[1.0, 0], [1, 0]])}
    return _statement(loss.statement(), arrays | {"K": 2, "dZ": np.zeros((2, 2))}, ("Z", "P"), loss)


def _statement(statement, arrays: dict, letters: tuple[str, ...], owner) -> tuple[str, str]:
    """Of a layer or a loss: forward and backward, then both in numbers."""
    known = {letter: glyph_of(letter) for letter in letters}
    inputs = {key: array for key, array in arrays.items() if np.any(array) and np.ndim(array)}
    arrays = arrays | {"N": len(next(iter(inputs.values()))), **statement.values}
    used = [f"{LATEX.write(Symbol(key, glyph_of(key, known)))} = {_matrix(array)}" for key, array in inputs.items()]
    equations, example = [], ["$$\n" + " \\qquad ".join(used) + "\n$$\n"]
    forward = parse(statement.forward)
    whole = {
        *inputs,
        *(f"d{key}" for key in known),
        *(line.name for line in forward if isinstance(line.target, Symbol)),
    }
    known |= {line.name: glyph_of(line.name, known) for line in forward}
    for title, text in (("Forward", statement.forward), ("Backward", statement.backward)):
        lines = dressed(parse(text), known, whole)
        equations += [f"### {title}\n", *markdown_section(Section("", lines))]
        example += [f"### {title}\n", *_worked(lines, arrays)]
    if settings := {field.name: getattr(owner, field.name) for field in fields(owner)}:
        values = ", ".join(
            f"{key} = {setting}" for key, setting in settings.items() if isinstance(setting, int | float)
        )
        example.insert(0, f"With {values}:\n" if values else "")
    return "\n".join([*equations, *statement.remarks]) + "\n", "\n".join(filter(None, example)) + "\n"


def _optimizer(name: str, cls: type) -> tuple[str, str]:
    optimizer = cls()
    lines, values = parse(optimizer.rule), {f.name: float(getattr(optimizer, f.name)) for f in fields(optimizer)}
    stepped = at_steps(lines, values)
    known = {name: 0.0 for line in lines for name in symbols(line)} | values | {"w": 1.0, "pi": np.pi}
    settings = ", ".join(f"{key} = {setting:g}" for key, setting in values.items())
    start = "One weight, w = 1, with the gradients 0.5 and −0.25 at the first two steps"
    losses = ", where the loss is 2 and 1.5" if any("f" in symbols(line) for line in lines) else ""
    example = [f"{start}{losses}; {settings}.\n"]
    for t, (gradient, loss) in enumerate(((0.5, 2.0), (-0.25, 1.5)), 1):
        known |= {f"{key}_before": old for key, old in known.items() if not key.endswith("_before")}
        known |= {"t": t, "g": gradient, "f": loss} | ({"f_before": loss} if t == 1 else {})
        example += [f"Step {t}:\n", *_worked(stepped, known)]
    equations = markdown_section(Section("", stepped))
    start = "What is of step t − 1 on the right is 0 before the first step, except w." if len(lines) > 1 else ""
    return "\n".join([*equations, *filter(None, [start]), f"\n{optimizer.differences}"]), "\n".join(example)


def _schedule(name: str, cls: type) -> tuple[str, str]:
    schedule = cls(**SCHEDULE_EXAMPLES.get(name, {}))
    lines = dressed(parse(schedule.statement()), SCHEDULE_GLYPHS)
    known = {f.name: getattr(schedule, f.name) for f in fields(schedule)} | {"steps": 10, "learning_rate": 0.1, "t": 4}
    settings = ", ".join(f"{key} = {setting:g}" for key, setting in known.items() if key != "t")
    example = [f"Step 4 of 10, {settings}:\n", *_worked(lines, known), "All ten steps:\n"]
    rates = schedule.rates(0.1, 0, 10, 10)
    example += ["| " + " | ".join(map(str, range(1, 11))) + " |", "|" + "---|" * 10]
    example += ["| " + " | ".join(f"{rate:.4g}" for rate in rates) + " |", ""]
    return "\n".join(markdown_section(Section("", lines))), "\n".join(example)


def _transforms() -> tuple[str, str]:
    transforms = GradientTransforms(clip_norm=1, l1=0.01, weight_decay=0.1)
    equations, example = [], []
    gradient = np.array([3.0, 4.0])
    for title, decoupled in (("Coupled", False), ("Decoupled, as AdamW has it", True)):
        lines = dressed(parse(transforms.rule(True, decoupled)), EVERYWHERE, {"w", "dw", "g", "G"})
        equations += [f"### {title}\n", *markdown_section(Section("", lines))]
        arrays = {"w": np.array([1.0, -2.0]), "dw": gradient, "G": gradient, "learning_rate": 0.1}
        arrays |= {f.name: getattr(transforms, f.name) for f in fields(transforms)}
        used = f"w = {_matrix(arrays['w'])} \\qquad \\nabla L = {_matrix(gradient)}"
        example += [f"### {title}\n", f"$$\n{used}\n$$\n", *_worked(lines, arrays)]
    return "\n".join(equations), "\n".join(
        ["With clip_norm = 1, l1 = 0.01, weight_decay = 0.1, learning_rate = 0.1:\n", *example]
    )


def _worked(lines, arrays: dict) -> list[str]:
    """Each equation for one element with numbers in it, then the array that it makes, which `arrays` gains."""
    out = []
    for line in lines:
        step = next(s for s in reversed(line.steps) if not any(isinstance(node, Derivative) for node in walk(s)))
        result = np.asarray(evaluate(line, arrays)[-1], float)
        result = np.where(np.abs(result) < 1e-7, 0, result)  # what is 0 but for epsilon or rounding
        place = _element(line, result)
        scope = Scope(
            arrays,
            target_ranges(line, arrays),
            dict(zip(line.indices, map(np.array, place), strict=bool(line.indices))),
        )
        written = LATEX.write(_filled(step, scope, place))
        target = line.target.array if isinstance(line.target, Indexed) else line.target
        left = LATEX.write(Indexed(target, tuple(map(Number, place))) if place else target)
        end = LATEX.write(_number(result[place]))
        middle = f" = {written}" if written != end else ""
        whole = f" \\qquad {LATEX.write(target)} = {_matrix(result)}" if result.size > 1 else ""
        out.append(f"$$\n{left}{middle} {'=' if _exact(result[place]) else chr(92) + 'approx'} {end}{whole}\n$$\n")
        arrays[line.name] = result if place else float(result)
    return out


def _element(line, result) -> tuple[int, ...]:
    """Which element is written out: of images the largest, of a function of each number that of a negative one."""
    if result.ndim > 2:
        return tuple(map(int, np.unravel_index(np.abs(result).argmax(), result.shape)))
    return tuple(int(not line.indices and axis == 1) for axis in range(result.ndim))


def _filled(node, scope: Scope, place: tuple[int, ...]):
    """An expression for one element, with numbers in the place of its variables."""
    match node:
        case Number():
            return node
        case Negative():
            return Negative(_filled(node.of, scope, place))
        case Binary(operator="@"):
            left, right = value(node.left, scope), value(node.right, scope)
            pairs = zip(left[place[0]], right[:, place[1]], strict=True)
            return _sum([Binary("*", _number(a), _number(b)) for a, b in pairs])
        case Binary():
            return replace(
                node, left=_filled(node.left, scope, place), right=_filled(node.right, scope, place), elementwise=False
            )
        case Call() if node.function != "norm":
            return Call(node.function, tuple(_filled(argument, scope, place) for argument in node.arguments))
        case Cases():
            met = _at(value(node.condition, scope), place)
            return _filled(node.then if met else node.otherwise, scope, place)
        case Reduction() if node.function in ("sum", "largest"):
            terms = _terms(node, scope, place)
            if terms and len(terms) <= TERMS:
                return _sum(terms) if node.function == "sum" else Call("max", tuple(terms))
    return _number(_at(value(node, scope), place))


def _terms(node: Reduction, scope: Scope, place: tuple[int, ...]) -> list:
    ends = [scope.ranges[i.name] if i.bound is None else int(value(i.bound, scope)) for i in node.indices]
    outer, terms = scope.indices, []
    for indices in itertools.product(*map(range, ends)):
        scope.indices = outer | {i.name: np.array(at) for i, at in zip(node.indices, indices, strict=True)}
        if value(node.body, scope) != 0 or node.function != "sum" or np.prod(ends) <= 2:
            terms.append(_filled(node.body, scope, place))
    scope.indices = outer
    return terms


def _at(array, place: tuple[int, ...]) -> float:
    """The element of an array, which may be broadcast, for one element of a result."""
    array = np.asarray(array)
    return float(array.flat[0] if array.size == 1 else array[place[len(place) - array.ndim :]])


def _sum(terms: list):
    total = terms[0]
    for term in terms[1:]:
        total = Binary("+", total, term)
    return total


def _exact(number: float) -> bool:
    return abs(float(f"{number:.6g}") - number) <= 1e-8 * max(1, abs(number))


def _number(number: float):
    """A number with at most six digits, a minus as a sign of its own."""
    short = float(f"{float(number):.6g}")
    short = 0.0 if abs(short) < 1e-12 else short
    return Negative(Number(-short)) if short < 0 else Number(short)


def _matrix(array) -> str:
    array = np.asarray(array, float)
    while array.ndim > 2:
        array = array[0] if len(array) == 1 else array.reshape(-1, array.shape[-1])
    rows = [
        " & ".join(LATEX.write(_number(number)).replace("- ", "-") for number in row) for row in np.atleast_2d(array)
    ]
    return "\\begin{bmatrix} " + " \\\\ ".join(rows) + " \\end{bmatrix}"


def index() -> str:
    """The list of all pages."""
    lines = []
    for title, registry in GROUPS.items():
        links = ", ".join(f"[{name}]({name}.md)" for name in registry)
        lines.append(f"**{title}**: {links}.\n")
    return "\n".join(lines)


def main() -> None:
    """Write every page and the list of them; of a row without one, a page whose prose is to be written."""
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(BLOCK.sub(lambda found: found[1] + index() + found[3], text), encoding="utf-8")
    for name, cls in ROWS.items():
        path = HERE / f"{name}.md"
        kept = "What is kept between steps" if name in OPTIMIZERS else "What is saved for the backward pass"
        text = path.read_text(encoding="utf-8") if path.exists() else SKELETON.format(title=cls.__name__, kept=kept)
        path.write_text(page(name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
