"""A network as operators of another program: what operators.ini says of the PyTorch modules that its layers name."""

import ast
import configparser
import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.nn import Network
from handgrad.nn.graph import STEP
from handgrad.plugins import how_to_install
from handgrad.torch_mapping import TorchModule
from handgrad.torch_port.port import modules_of

Array = NDArray[Any]
Name = TypeVar("Name")
RANKS = {"Flatten": 1, "Unflatten": 3}  # axes besides the batch's, of what comes out of these two modules


class Step(NamedTuple):
    """A module of a network: what it is in the other program, its arguments, and its arrays by PyTorch's names.

    `own` are our names of the arrays, those in `transposed` have their axes the other way round in ours; `paths` tells
    on which path it is ("" on none, "b" on the second of a split); `variables` are the arrays as Keras has them.
    """

    layer: int
    text: str
    values: dict[str, Any]
    arrays: dict[str, Array]
    own: dict[str, str]
    transposed: frozenset[str]
    variables: tuple[str, ...]
    paths: str


class Call(NamedTuple):
    """One `result = Operator(inputs, name=value)`; without a result, "" stands for it."""

    result: str
    operator: str
    inputs: tuple[str, ...]
    values: dict[str, Any]


def trace(network: Network, program: str, apply: Callable[[Step, list[Name]], Name], start: Name) -> Name:
    """Follow what a network computes: `apply` says what a step makes of its inputs, beginning with `start`.

    `program` is "onnx", "numpy" or "keras".

    Raises  UsageError for a layer that has no form there.
    """
    now, rank, shapes = start, len(network.input_shape), [plan.output for plan in network.plans]
    splits: list[tuple[Name, int, list[Name]]] = []
    modules = list(modules_of(network))
    for place, (_, number, module) in enumerate(modules):
        paths = "".join(chr(ord("a") + len(ends)) for _, _, ends in splits)
        inputs, meeting = [now], module.arguments["step"] if module.name == STEP else ""
        if meeting == "split":
            splits.append((now, rank, []))
        elif meeting == "branch":
            splits[-1][2].append(now)
            now, rank = splits[-1][:2]
        else:
            if meeting:
                module, inputs, paths = TorchModule(meeting), [*splits.pop()[2], now], paths[:-1]
            now = apply(_step(network, number, module, program, rank)._replace(paths=paths), inputs)
            last = place + 1 == len(modules) or modules[place + 1][1] != number
            rank = len(shapes[number]) if last else RANKS.get(module.name.rpartition(".")[2], rank)
    return now


def _step(network: Network, number: int, module: TorchModule, program: str, rank: int) -> Step:
    row, name = _table().get(module.name, {}), type(network.layers[number]).__name__
    if not any(key.startswith(program) for key in row):
        raise UsageError(f"layer {number}, {name}, cannot be exported: handgrad knows no {module.name} for {program}")
    try:
        values = _arguments(row, module)
    except ValueError as error:
        raise UsageError(f"layer {number}, {name}, cannot be exported: {module.name} with {error}") from error
    variant = "single" if values.get("num_parameters") == 1 else ""
    variant = "last" if len(values.get("normalized_shape", ())) == 1 else variant
    variant = "dilated" if max(values.get("dilation", (1,))) > 1 else variant
    keys = (f"{program}_{variant}_{rank}", f"{program}_{variant}", f"{program}_{rank}", program)
    text = next(row[key] for key in keys if key in row)
    views, own = network.views, {theirs: f"{number}.{ours}" for ours, theirs in module.names.items()}
    turned = frozenset(module.names[name] for name in module.transposed)
    arrays = {name: views[ours].T if name in turned else views[ours] for name, ours in own.items()}
    variables = [
        each for each in row.get(f"variables_{rank}", row.get("variables", "")).split() if each.partition(":")[0] in own
    ]
    return Step(number, text.strip(), values, arrays, own, turned, tuple(variables), "")


@cache
def _table() -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(__file__).with_name("operators.ini").read_text(encoding="utf-8"))
    rows = {name: dict(parser[name]) for name in parser.sections()}
    return {name: rows[row["same"]] if "same" in row else row for name, row in rows.items()}


def _arguments(row: dict[str, str], module: TorchModule) -> dict[str, Any]:
    """The module's arguments, with defaults where it gives none.

    Raises  ValueError for one that the table does not know.
    """
    (call,) = calls(f"f({row['arguments']})")
    known = dict.fromkeys(call.inputs) | call.values
    if unknown := sorted(set(module.arguments) - set(known)):
        raise ValueError(f"{unknown[0]}={module.arguments[unknown[0]]!r}")
    values: dict[str, Any] = known | module.arguments
    for name, default in call.values.items():
        if isinstance(default, tuple) and isinstance(values[name], int):
            values[name] = (values[name],) * len(default)
        elif isinstance(default, float):
            values[name] = float(values[name])
    for name, value in next(iter(calls(f"f({row.get('only', '')})"))).values.items():
        if values[name] != value:
            raise ValueError(f"{name}={values[name]!r}")
    return values


def calls(text: str) -> Iterator[Call]:
    """The operators of a cell of the table, in order."""
    for line in ast.parse(re.sub(r"\n\s+", "\n", text)).body:
        call: Any = line.value  # type: ignore[attr-defined]
        result = line.targets[0].id if isinstance(line, ast.Assign) else ""  # type: ignore[attr-defined]
        inputs = tuple(each.id for each in call.args)
        yield Call(result, call.func.id, inputs, {each.arg: _value(each.value) for each in call.keywords})


def _value(node: Any) -> Any:
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        return left + right if isinstance(node.op, ast.Add) else left - right
    return ast.literal_eval(node)


def installed(package: str, extra: str) -> Any:
    """The module `package`.  Raises  UsageError when it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UsageError(f"{package} is not installed: {how_to_install(extra)}") from error


def scaling_of(network: Network, channels_last: bool = False) -> tuple[Array, Array]:
    """Factor and summand of a pixel, in float32, one number or one a channel to be multiplied by images."""
    factor, summand = (np.asarray(each, np.float32) for each in network.scaling)
    if factor.ndim and not channels_last:
        factor, summand = factor[:, None, None], summand[:, None, None]
    return factor, summand
