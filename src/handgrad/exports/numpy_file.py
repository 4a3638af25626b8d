"""A network as a Python file that needs NumPy alone, its arrays beside it in a .npz file."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handgrad.exports import numpy_functions
from handgrad.exports.operators import Step, trace
from handgrad.nn import Network, Scaling

PROGRAM = '''\
"""{title}

logits(images), probabilities(images) and predict(images) take an array (N, {shape}) of pixels as in the data set.
On the command line: python {file} images.npy
"""

{imports}

with np.load(Path(__file__).with_name("{arrays}")) as arrays:
    W = dict(arrays)
CLASSES = {classes}

{functions}
def logits(images):
    x = {scaled}
{lines}
    return {result}.reshape(len(images), -1)


def probabilities(images):
    y = logits(images)
    y = np.exp(y - y.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


def predict(images):
    return [CLASSES[k] for k in logits(images).argmax(axis=1)]


if __name__ == "__main__":
    print(*predict(np.load(sys.argv[1])), sep="\\n")
'''


def numpy_program(network: Network, path: Path) -> str:
    """The text of `path`, which reads the arrays of `arrays_file(path)`.

    Raises  UsageError for a layer that has no form in NumPy.
    """
    lines: list[str] = []

    def apply(step: Step, inputs: list[str]) -> str:
        arrays = {name: f'W["{own}"]{".T" if name in step.transposed else ""}' for name, own in step.own.items()}
        values = {**step.values, "bias": f"np.zeros(1, {inputs[0]}.dtype)", **arrays, "x": ", ".join(inputs)}
        text = re.sub(r"\s+", " ", step.text).format(**values).replace(".T.T", "")
        result = "_".join(["x", *step.paths])
        if text != result:
            lines.append(f"    {result} = {text}")
        return result

    result = trace(network, "numpy", apply, "x")
    needed = list(_functions("\n".join(lines)))
    modules = ["sys", *(["math"] if any("math." in text for text in needed) else [])]
    imports = [*(f"import {name}" for name in sorted(modules)), "from pathlib import Path", "", "import numpy as np"]
    if any("sliding_window_view" in text for text in needed):
        imports.append("from numpy.lib.stride_tricks import sliding_window_view")
    return PROGRAM.format(
        title=f"A network of {network.parameters.size:,} parameters, trained with handgrad; NumPy is all it needs.",
        shape=", ".join(map(str, network.input_shape)),
        file=path.name,
        arrays=arrays_file(path).name,
        imports="\n".join(imports),
        classes=list(network.class_names) or f"range({network.classes})",
        functions="".join(f"\n{text}\n" for text in needed) + ("\n" if needed else ""),
        scaled=_scaled(network.scaling, network.dtype),
        lines="\n".join(lines),
        result=result,
    )


def arrays_file(path: Path) -> Path:
    """Where the arrays of a program stand: model.npz beside model.py."""
    return path.with_suffix(".npz")


def _scaled(scaling: Scaling, dtype: str) -> str:
    factor, summand = (
        f"{each!r}" if isinstance(each, float) else f"np.array({list(each)}, np.{dtype})[:, None, None]"
        for each in scaling
    )
    if scaling == Scaling():
        return f"images.astype(np.{dtype}) / 255"
    return f"images.astype(np.{dtype}) * {factor} + {summand}"


def _functions(lines: str) -> Iterator[str]:
    """The sources of the functions that are called, each before what calls it."""
    known: dict[str, Any] = {
        name: inspect.getsource(each)
        for name, each in vars(numpy_functions).items()
        if inspect.isfunction(each) and each.__module__ == numpy_functions.__name__
    }
    wanted, found = [lines], set[str]()
    while wanted:
        text = wanted.pop()
        called = {name for name in known if re.search(rf"\b(?<!\.){name}\(", text)} - found
        found |= called
        wanted += [known[name] for name in called]
    return (known[name] for name in known if name in found)
