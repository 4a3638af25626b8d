"""Weights as courses exchange them: a dict W0, b0, W1, ... in .npz, or in .npy as numpy.save writes a dict.

The latter holds a pickle, which is not unpickled: its operations are read one by one, and only those that numpy's own
arrays in a dict need are carried out, here. No class is looked up and nothing is called.
"""

import io
import logging
import math
import pickletools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.nn import LAYERS, Network
from handgrad.nn.layer import Activation

log = logging.getLogger("handgrad")
Tensors = dict[str, NDArray[Any]]
NAME = re.compile(r"([wb])_?(\d+)", re.IGNORECASE)
NUMBERS = re.compile(r"[<>|=]?[fiub][1248]")  # the types of an array that are plain numbers
MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
NAMES = ("_reconstruct", "scalar", "ndarray", "dtype")
PUSHED = {
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "INT", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
MARK = object()
MOST = 100_000  # operations; a dict of a hundred arrays takes some thousand


class _Global(str):
    """One of NAMES."""


class _Built:
    """A dtype or an array on its way: what it was called with, then its state."""

    def __init__(self, name: str, arguments: Any) -> None:
        self.name, self.arguments, self.state = name, arguments, None

    def dtype(self) -> str:
        """Such as "<f4", or "O"."""
        text, order = str(self.arguments[0]), self.state[1] if self.state else "="
        text = text if text[:1] in "<>|=" else f"{order}{text}"
        if self.name != "dtype" or not (NUMBERS.fullmatch(text) or text[1:] in ("O", "O8")):
            raise ValueError(f"an array holds {text}, and no plain numbers")
        return text.removesuffix("8") if "O" in text else text

    def value(self) -> Any:
        """The array, or the dict in an array of one object."""
        if self.name == "scalar":
            dtype, content = self.arguments
            return _array((), dtype.dtype(), False, content)
        if self.name != "_reconstruct" or self.state is None:
            raise ValueError(f"{self.name} is no array")
        _, shape, dtype, fortran, content = self.state
        if "O" not in dtype.dtype():
            return _array(shape, dtype.dtype(), fortran, content)
        if shape not in ((), (1,)) or not isinstance(content, list) or not isinstance(content[0], dict):
            raise ValueError("an array holds objects other than one dict")
        if other := [str(name) for name, each in content[0].items() if not isinstance(each, _Built)]:
            raise ValueError(f"expected arrays W0, b0, W1, ..., got what is no array: {', '.join(other)}")
        return {str(name): each.value() for name, each in content[0].items()}


def _array(shape: Any, dtype: str, fortran: Any, content: Any) -> NDArray[Any]:
    numbers = np.frombuffer(content, dtype)
    if math.prod(shape) != numbers.size:
        raise ValueError(f"an array of shape {shape} holds {numbers.size} numbers")
    return numbers.reshape(shape, order="F" if fortran else "C")


def read_dict(content: bytes) -> Tensors:
    """The arrays of a dict that numpy.save wrote as .npy.

    Raises  ValueError, and others, for anything but arrays of plain numbers in a dict.
    """
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for count, (operation, argument, _) in enumerate(pickletools.genops(content)):
        name = operation.name
        if count > MOST:
            raise ValueError("it holds more than the arrays of a network")
        if name in PUSHED:
            stack.append(FIXED.get(name, argument))
        elif name in TUPLES:
            start = len(stack) - TUPLES[name]
            stack[start:] = [tuple(stack[start:])]
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("TUPLE", "APPENDS", "SETITEMS"):
            _collect(stack, name)
        elif name in ("APPEND", "SETITEM"):
            stack.insert(-1 if name == "APPEND" else -2, MARK)
            _collect(stack, f"{name}S")
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            found = argument.split(" ") if argument else [stack.pop(), stack.pop()][::-1]
            if found[0] not in MODULES or found[1] not in NAMES:
                raise ValueError(f"it asks for {'.'.join(map(str, found))}, which no weights need")
            stack.append(_Global(found[1]))
        elif name in ("REDUCE", "BUILD"):
            _call(stack, name)
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"it holds {name}, which no weights need")
    found = stack.pop().value()
    if not isinstance(found, dict) or not all(isinstance(each, np.ndarray) for each in found.values()):
        raise ValueError("it holds no dict of arrays")
    return found


def _collect(stack: list[Any], name: str) -> None:
    """All above the mark becomes a tuple, or goes into the list or the dict below it."""
    place = next(at for at in range(len(stack) - 1, -1, -1) if stack[at] is MARK)
    above, stack[place:] = stack[place + 1 :], []
    if name == "TUPLE":
        stack.append(tuple(above))
    elif name == "APPENDS":
        stack[-1].extend(above)
    else:
        stack[-1].update(zip(above[::2], above[1::2], strict=True))


def _call(stack: list[Any], name: str) -> None:
    argument, below = stack.pop(), stack[-1]
    if name == "BUILD" and isinstance(below, _Built):
        below.state = argument
    elif name == "REDUCE" and isinstance(below, _Global):
        stack[-1] = _Built(below, argument)
    else:
        raise ValueError("it calls what is no array")


def write_arrays(arrays: Tensors, suffix: str) -> bytes:
    """The content of a .npz file, or of a .npy file that `numpy.load(path, allow_pickle=True).item()` reads."""
    buffer = io.BytesIO()
    save: Any = np.savez if suffix == ".npz" else np.save
    save(buffer, **arrays) if suffix == ".npz" else save(buffer, np.array(arrays, object))
    return buffer.getvalue()


def to_arrays(network: Network) -> Tensors:
    """W0 (inputs, outputs), b0 (1, outputs), ... of the dense layers, where there is nothing else but activations.

    Batch normalisation after a dense layer is folded into its W and b, as it is in evaluation, and the network's own
    arrays ("1.weight", ...) follow; of any other network these alone are given.
    """
    own, course, pairs = network.views, dict[str, Any](), list[tuple[Any, Any]]()
    layers: Sequence[Any] = network.layers
    for number, layer in enumerate(layers):
        if _is(layer, "dense"):
            pairs.append((own[f"{number}.weight"], own[f"{number}.bias"]))
        elif _is(layer, "batch_norm") and pairs and _is(network.layers[number - 1], "dense"):
            gamma, beta, mean, variance = (
                own[f"{number}.{part}"] for part in ("gamma", "beta", "running_mean", "running_variance")
            )
            scale, (weight, bias) = gamma / np.sqrt(variance + layer.epsilon), pairs[-1]
            pairs[-1] = weight * scale, (bias - mean) * scale + beta
        elif not (_is(layer, "flatten", "dropout") or isinstance(layer, Activation)):
            return own
    for place, (weight, bias) in enumerate(pairs):
        course |= {f"W{place}": weight, f"b{place}": bias.reshape(1, -1)}
    return course | own if any(_is(layer, "batch_norm") for layer in network.layers) else course


def names_in(network: Network) -> str:
    """How the arrays of `to_arrays` are called, in words."""
    names = set(to_arrays(network))
    if "W0" not in names:
        return "under handgrad's own names, for the network has other layers than dense ones"
    folded = " with batch normalisation folded in" if len(names) > 2 * sum(name[0] == "W" for name in names) else ""
    return f"a dict W0, b0, W1, …{folded}"


def dense_pairs(arrays: Tensors) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Weight (inputs, outputs) and bias (outputs,) of each dense layer, first to last; [] for other names.

    Weights that fit only as (outputs, inputs) are transposed, and this is said.

    Raises  ValueError where one is missing, or shapes do not follow from each other.
    """
    named = {(m[1].lower(), int(m[2])): value for name, value in arrays.items() if (m := NAME.fullmatch(name))}
    if len(named) < sum(NAME.fullmatch(name) is not None for name in arrays):
        raise ValueError(f"two of its names mean one array: {', '.join(arrays)}")
    numbers = sorted({number for _, number in named})
    missing = [f"{letter}{n}" for n in numbers for letter in "Wb" if (letter.lower(), n) not in named]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    pairs = [(named["w", number], named["b", number].ravel()) for number in numbers]
    turned = [(weight.T, bias) for weight, bias in pairs]
    if _misfit(pairs) is not None and _misfit(turned) is None:
        log.warning("its weights are (outputs, inputs), and are transposed")
        return turned
    if (place := _misfit(pairs)) is not None:
        (weight, bias), number = pairs[place], numbers[place]
        raise ValueError(f"W{number} has shape {weight.shape}, b{number} {bias.shape}: they do not fit the others")
    return pairs


def _misfit(pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> int | None:
    """The first pair that does not fit itself, or the one before it."""
    for place, (weight, bias) in enumerate(pairs):
        if weight.ndim != 2 or bias.size != weight.shape[1] or (place and pairs[place - 1][1].size != len(weight)):
            return place
    return None


def from_arrays(network: Network, arrays: Tensors) -> Tensors:
    """The arrays by the network's own names, which a file of W0, b0, ... has for dense layers."""
    if "." in "".join(arrays) or not dense_pairs(arrays):
        return arrays
    dense = [number for number, layer in enumerate(network.layers) if _is(layer, "dense")]
    pairs = dense_pairs(arrays)
    if len(pairs) != len(dense):
        raise ValueError(f"it has {len(pairs)} dense layers, expected {len(dense)}")
    named: Tensors = {}
    for number, (weight, bias) in zip(dense, pairs, strict=True):
        named |= {f"{number}.weight": weight, f"{number}.bias": bias}
    return named


def _is(layer: Any, *names: str) -> bool:
    """Whether it is one of the layers of these names, as far as they are registered."""
    return isinstance(layer, tuple(LAYERS[name] for name in names if name in LAYERS))
