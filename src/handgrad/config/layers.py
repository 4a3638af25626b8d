"""Networks as lists of layers: "dense:128", "dropout:0.3", "relu", {"dense": 128}, {"dropout": {"rate": 0.3}}.

A size of two numbers is written 2x3 or [2, 3], a setting that is a word by its name: "conv2d:8,2x3,padding=valid".
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handgrad.config.lookup import listed, shown, value_name
from handgrad.config.value_types import BRACKETS, Name, Number, Size, ValueType, Whole, items, spelled
from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, LAYERS, Initializer, Layer
from handgrad.nn.images import Extent

LARGEST, MOST = 10**6, 4000
NEXT_ITEM = re.compile(r"[,\s]+(?=[A-Za-z_]\w*(?:[:,\s]|$))")  # a name follows; `4, 3` and `rate=0.3` are a layer's


@dataclass(frozen=True)
class LayerList(ValueType):
    """A list of layers, kept as one text each: "dense:128", "leaky_relu:slope=0.2"."""

    several = True
    metavar = "LAYER ..."

    def read(self, value: Any) -> tuple[str, ...]:
        """The layers' canonical texts; each has been built once, so its numbers make sense."""
        text = spelled(value)
        written = items(value) if text is None or text[:1] in BRACKETS else NEXT_ITEM.split(text)
        if not 1 <= len(written) <= MOST:
            raise ValueError(f"must list 1 to {MOST} layers, got {len(written)}; num_layers 0 is softmax regression")
        return tuple(_canonical(item) for item in written)


def build_layer(item: str, initializer: Initializer | None = None) -> Layer:
    """The layer of a canonical text; one that has weights starts them from `initializer`.

    Raises  ValueError when the layer refuses its numbers.
    """
    name, _, rest = item.partition(":")
    kind: Any = _registry()[name]
    numbers = _bound(name, kind, rest.split(",") if rest else [])
    if initializer is not None and any(field.name == "initializer" for field in dataclasses.fields(kind)):
        numbers["initializer"] = initializer
    try:
        layer: Layer = kind(**numbers)
    except UsageError as error:
        raise ValueError(f"has {shown(item)}, whose {str(error).partition(' (--')[0]}") from error
    except TypeError as error:
        needed = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]
        raise ValueError(f"has {shown(item)}, which needs {listed(needed)}: write {name}:128") from error
    return layer


def _registry() -> dict[str, type[Layer]]:
    return {**ACTIVATIONS, **LAYERS}


def _settings(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.name != "initializer"]


def _canonical(item: Any) -> str:
    name, written = _parts(item)
    try:
        name = value_name("layers", name, _registry())
    except ValueError as error:
        hint = "; for a number of hidden layers use num_layers" if name.isdigit() else ""
        raise ValueError(f"has a layer that {error}{hint}") from error
    numbers = _bound(name, _registry()[name], written)
    settings = _settings(_registry()[name])
    texts = [
        _text(value) if setting == settings[place] and not isinstance(value, str) else f"{setting}={_text(value)}"
        for place, (setting, value) in enumerate(numbers.items())
    ]
    canonical = name + (":" + ",".join(texts) if texts else "")
    build_layer(canonical)
    return canonical


def _parts(item: Any) -> tuple[str, list[Any]]:
    """The name as written, and its numbers, each bare or as "setting=number"."""
    if isinstance(item, str):
        name, _, rest = item.partition(":")
        return name.strip(), [part for part in rest.replace(" ", "").split(",") if part]
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, value),) = item.items()
        if isinstance(value, Mapping):
            return str(name), [f"{setting}={number}" for setting, number in value.items()]
        return str(name), list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    raise ValueError(f"must list layers such as dense:128 or relu, got {shown(item)}")


def _bound(name: str, kind: Any, written: list[Any]) -> dict[str, Any]:
    """The numbers by the layer's settings, in the settings' order."""
    settings, numbers = _settings(kind), {}
    for position, part in enumerate(written):
        setting, equals, value = str(part).rpartition("=")
        if not equals:
            setting = settings[position] if position < len(settings) else ""
        if setting not in settings or setting in numbers:
            takes = f"takes {listed(settings)}" if settings else "takes no number"
            raise ValueError(f"has {shown(name)}, which {takes}, got {shown(part)}")
        numbers[setting] = _value(name, kind, setting, value)
    return {setting: numbers[setting] for setting in settings if setting in numbers}


def _value(name: str, kind: Any, setting: str, value: str) -> Any:
    (field,) = (field for field in dataclasses.fields(kind) if field.name == setting)
    try:
        return _kind_of(field).read(value)
    except ValueError as error:
        raise ValueError(f"has {shown(name)}, whose {setting} {error}") from error


def _kind_of(field: Any) -> ValueType:
    """How the values of a layer's field may be written."""
    if "choices" in field.metadata:
        return Name(field.name, field.metadata["choices"])
    if field.type in (Extent, Extent | None):
        return _Extent()
    required = field.default is dataclasses.MISSING  # a size, as opposed to a padding that may be 0
    return Whole(int(required), LARGEST) if field.type in (int, "int") else Number()


class _Extent(Size):
    """A height and a width, equal ones as one number."""

    def read(self, value: Any) -> Any:
        height, width = super().read(value)
        return height if height == width else (height, width)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "x".join(map(repr, value if isinstance(value, tuple) else [value]))
