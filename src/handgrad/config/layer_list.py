"""The language of `layers`: a list of layers, each one text, with blocks for what has several paths or is repeated."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

from handgrad import strict_yaml
from handgrad.config.lookup import listed, quoted, value_name
from handgrad.config.value_types import BRACKETS, Name, Number, Size, Switch, ValueType, Whole, as_text, items
from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, LAYERS, Initializer, Layer
from handgrad.nn.conv2d import PADDINGS, Padding
from handgrad.nn.images import LARGEST_EXTENT, Extent
from handgrad.text import squashed

LARGEST, MOST = 10**6, 4000
NEXT_ITEM = re.compile(r"[,\s]+(?=[A-Za-z_]\w*(?:[:,\s]|$))")  # a name follows; `4, 3` and `rate=0.3` are a layer's


@dataclass(frozen=True)
class LayerList(ValueType):
    """A list of layers, kept as one text each: "dense:128", "leaky_relu:slope=0.2"; BLOCKS may stand among them."""

    several = True
    metavar = "LAYER ..."

    def read(self, value: Any) -> tuple[str, ...]:
        """The layers' canonical texts; each has been built once, so its numbers make sense."""
        text = as_text(value)
        written = flat(items(value) if text is None or text[:1] in BRACKETS else NEXT_ITEM.split(text))
        if not 1 <= len(written) <= MOST:
            raise ValueError(f"must list 1 to {MOST} layers, got {len(written)}; num_layers 0 is softmax regression")
        return tuple(_canonical(item) for item in written)


def flat(written: Any) -> list[Any]:
    """The layers in a list, those in BLOCKS one after another.

    A number, or one by name, belongs to the layer before it: YAML reads [conv2d:8,3] as two items.
    """
    found: list[Any] = []
    for item in written if isinstance(written, list | tuple) else [written]:
        name, value = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else ("", None)
        block = BLOCKS.get(squashed(str(name))) if value is not None else None
        number = isinstance(item, Real) or (isinstance(item, str) and "=" in item.partition(":")[0])
        if number and found and isinstance(found[-1], str):
            found[-1] += f",{item}"
        else:
            found += block(value) if block else [item]
    return found


def _residual(value: Any) -> list[Any]:
    """- residual: [conv2d:16, relu, conv2d:16], or with layers and shortcut by name."""
    parts = value if isinstance(value, Mapping) else {"layers": value}
    if "layers" not in parts or not parts.keys() <= {"layers", "shortcut"}:
        raise ValueError(f"has residual, which takes a list, or layers and shortcut, got {listed(map(str, parts))}")
    return ["split", *flat(parts["layers"]), "branch", *flat(parts.get("shortcut") or []), "add"]


def _concat(value: Any) -> list[Any]:
    """- concat: [[conv2d:8,1], [conv2d:8,3]], a list for each path."""
    if not isinstance(value, list | tuple) or len(value) < 2 or not all(isinstance(path, list) for path in value):
        raise ValueError(f"has concat, which takes two or more lists of layers, got {quoted(value)}")
    first, *others = value
    return ["split", *flat(first), *(item for path in others for item in ("branch", *flat(path))), "concat"]


def _repeat(value: Any) -> list[Any]:
    """- repeat: {times: 3, layers: [...]}."""
    if not isinstance(value, Mapping) or value.keys() != {"times", "layers"}:
        raise ValueError(f"has repeat, which takes times and layers, got {quoted(value)}")
    try:
        return Whole(1, MOST).read(value["times"]) * flat(value["layers"])
    except ValueError as error:
        raise ValueError(f"has repeat, whose times {error}") from error


BLOCKS: dict[str, Callable[[Any], list[Any]]] = {"residual": _residual, "concat": _concat, "repeat": _repeat}
"""What may stand in a list of layers beside single ones, each written as several."""

NAMED = {path.stem: path for path in sorted((Path(__file__).parents[1] / "networks").glob("*.yaml"))}
"""The networks that come as files of layers, by their names."""


@cache
def named_network(name: str) -> dict[str, Any]:
    """What the file of one of NAMED says: about, paper, input, parameters; `layers` as texts."""
    content = strict_yaml.load_mapping(NAMED[name])
    return {**content, "layers": LayerList().read(content["layers"])}


def build_layer(item: str, initializer: Initializer | None = None) -> Layer:
    """The layer of a canonical text; one that has weights starts them from `initializer`.

    Raises  UsageError when no such layer is installed; ValueError when it refuses its numbers.
    """
    name, _, rest = item.partition(":")
    layer_type: Any = _layer_types().get(name)
    if layer_type is None:
        raise UsageError(f"layers: {name} is not installed here, expected {listed(LAYERS)}")
    fields = dataclasses.fields(layer_type)
    numbers = _numbers(name, layer_type, rest.split(",") if rest else [])
    if initializer is not None and any(field.name == "initializer" for field in fields):
        numbers["initializer"] = initializer
    try:
        layer: Layer = layer_type(**numbers)
    except UsageError as error:
        raise ValueError(f"has {quoted(item)}, whose {str(error).partition(' (--')[0]}") from error
    except TypeError as error:
        needed = [field.name for field in fields if field.default is field.default_factory is dataclasses.MISSING]
        raise ValueError(f"has {quoted(item)}, which needs {listed(needed)}: write {name}:128") from error
    return layer


def _layer_types() -> dict[str, type[Layer]]:
    return {**ACTIVATIONS, **LAYERS}


def _canonical(item: Any) -> str:
    name, written = _parts(item)
    try:
        name = value_name("layers", name, _layer_types())
    except ValueError as error:
        hint = "; for a number of hidden layers use num_layers" if name.isdigit() else ""
        raise ValueError(f"has a layer that {error}{hint}") from error
    texts, settings = [], list(_fields(_layer_types()[name]))
    for place, (setting, value) in enumerate(_numbers(name, _layer_types()[name], written).items()):
        numbers = value if isinstance(value, tuple) else [value]
        text = str(value).lower() if isinstance(value, str | bool) else "x".join(map(repr, numbers))
        bare = setting == settings[place] and not isinstance(value, str | bool)
        texts.append(text if bare else f"{setting}={text}")
    canonical = name + (":" + ",".join(texts) if texts else "")
    build_layer(canonical)
    return canonical


def _fields(layer_type: Any) -> dict[str, Any]:
    return {field.name: field for field in dataclasses.fields(layer_type) if field.name != "initializer"}


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
    raise ValueError(f"must list layers such as dense:128 or relu, got {quoted(item)}")


def _numbers(name: str, layer_type: Any, written: list[Any]) -> dict[str, Any]:
    """The numbers by the layer's settings, in the settings' order."""
    fields, numbers = _fields(layer_type), dict[str, Any]()
    settings = list(fields)
    for position, part in enumerate(written):
        setting, equals, value = str(part).rpartition("=")
        if not equals:
            setting = settings[position] if position < len(settings) else ""
        if setting not in settings or setting in numbers:
            takes = f"takes {listed(settings)}" if settings else "takes no number"
            raise ValueError(f"has {quoted(name)}, which {takes}, got {quoted(part)}")
        try:
            numbers[setting] = _value_type(fields[setting]).read(value)
        except ValueError as error:
            raise ValueError(f"has {quoted(name)}, whose {setting} {error}") from error
    return {setting: numbers[setting] for setting in settings if setting in numbers}


def _value_type(field: Any) -> ValueType:
    """How the values of a layer's field may be written."""
    if "choices" in field.metadata:
        return Name(field.name, field.metadata["choices"])
    if field.type in (Extent, Extent | None):
        return _Extent()
    if field.type is bool:
        return Switch()
    if field.type == Padding:
        return _Padding()
    required = field.default is dataclasses.MISSING  # a size, as opposed to a padding that may be 0
    return Whole(int(required), LARGEST) if field.type in (int, "int") else Number()


class _Extent(Size):
    """A height and a width, equal ones as one number."""

    def read(self, value: Any) -> Any:
        height, width = super().read(value)
        return height if height == width else (height, width)


class _Padding(ValueType):
    """same, valid, or zeros around an image: 1, 1x2 above and below, left and right, or 0x1x0x1 of the four sides."""

    def read(self, value: Any) -> Any:
        text = (as_text(value) or "").lower()
        if text.isalpha():
            return Name("padding", PADDINGS).read(text)
        sizes = [Whole(0, LARGEST_EXTENT).read(item) for item in items(text.replace("x", " ") if text else value)]
        return sizes[0] if len(sizes) == 1 else tuple(sizes)
