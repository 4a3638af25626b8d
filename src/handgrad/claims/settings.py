"""The settings that a document states of its experiments, and in which of them two experiments differ."""

from collections.abc import Iterable, Mapping
from typing import Any

from handgrad.claims.estimate import Settings
from handgrad.config import RunConfig, value_type_of
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, resolved
from handgrad.config.lookup import setting_name
from handgrad.config.presets import CHOICES, fields_of, owned

NOT_STATED = "not stated"


def canonical(settings: Mapping[str, Any], place: str) -> Settings:
    """Settings with the names and values of RunConfig where they have any, and as they are otherwise.

    Raises  ValueError with the place, for a value that a setting cannot have.
    """
    result = {}
    for written, value in settings.items():
        name = setting_name(written)
        try:
            result[name] = value_type_of(name)(value) if name in RunConfig.model_fields else value
        except ValueError as error:
            raise ValueError(f"{place}.{written}: {error}") from None
    return result


def of_config(config: RunConfig) -> Settings:
    """What decides the result of a run, its seed apart."""
    unused = idle(config) | WITHOUT_INFLUENCE | {"seed"}
    return {name: value for name, value in resolved(config) if name not in unused}


def stated_differences(a: Settings, b: Settings) -> dict[str, tuple[Any, Any]]:
    """The stated settings in which two experiments differ, each with both values.

    What comes with a choice, as beta1 does with Adam, is part of it where only one of the two states it, or where each
    of the two has the number that is its choice's own.
    """
    names = [*a, *(name for name in b if name not in a)]
    pairs = {name: (a.get(name, NOT_STATED), b.get(name, NOT_STATED)) for name in names}
    found = {name: values for name, values in pairs.items() if values[0] != values[1]}
    carried = belonging(found)
    part = {n for n, values in found.items() if NOT_STATED in values or (_own(a, n), _own(b, n)) == values}
    return {name: values for name, values in found.items() if name not in carried & part}


def _own(settings: Settings, name: str) -> Any:
    """The number that comes with the choices among some settings, None for none."""
    for chosen, registry in CHOICES.items():
        entry = registry.get(settings.get(chosen, ""))
        if entry is not None and name in fields_of(entry):
            return fields_of(entry)[name].default
    return None


def belonging(choices: Iterable[str]) -> set[str]:
    """The settings that come with some choices: those of schedules with `schedule`, those of optimizers likewise."""
    return {name for each in choices if each in CHOICES for name in owned(each)}
