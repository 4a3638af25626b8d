"""Layers, losses and initialisers as plain data and back, by the names of their registries."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from handgrad.errors import CorruptDataError
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LAYERS, LOSSES, Layer, Loss


def describe(thing: Any) -> Any:
    """A layer, a loss or an initialiser as {name: {field: value}}, nested where a field is one; others as they are.

    Raises  CorruptDataError when its class is in no registry, so that nothing is saved that could not be loaded.
    """
    if not is_dataclass(thing):
        return thing
    for name, known in _registered().items():
        if type(thing) is known:
            return {name: {field.name: describe(getattr(thing, field.name)) for field in fields(thing)}}
    raise CorruptDataError(f"{type(thing).__name__} has no row in LAYERS, ACTIVATIONS, LOSSES or INITIALIZERS: add one")


def restore_layer(description: Any) -> Layer:
    """The layer that `describe` was given.  Raises  CorruptDataError."""
    return _restore(description, LAYERS | ACTIVATIONS)


def restore_loss(description: Any) -> Loss:
    """The loss that `describe` was given.  Raises  CorruptDataError."""
    return _restore(description, LOSSES)


def _registered() -> dict[str, type]:
    return {**LAYERS, **ACTIVATIONS, **LOSSES, **INITIALIZERS}


def _restore(description: Any, registry: Mapping[str, type]) -> Any:
    try:
        ((name, values),) = description.items()
        made = {
            field: _restore(value, INITIALIZERS) if isinstance(value, dict) else value
            for field, value in values.items()
        }
        return registry[name](**made)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{description} describes nothing that is registered here: {error!r}") from error
