"""What two experiments differ in, in settings of runs or in words of their own; and a wrong document in one line."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from handgrad.config import RunConfig, kind_of
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, settled
from handgrad.config.lookup import field_aliases, shown
from handgrad.config.presets import CHOICES, fields_of, owned
from handgrad.text import nearest, squashed

NOT_STATED = "not stated"

Settings = dict[str, Any]
OWN_WORDS = "value_error"
UNKNOWN = "extra_forbidden"


def canonical(settings: Mapping[str, Any], place: str) -> Settings:
    """Settings with the names and values of RunConfig where they have any, and as they are otherwise.

    Raises  ValueError with the place, for a value that a setting cannot have.
    """
    result = {}
    for written, value in settings.items():
        name = canonical_name(written)
        try:
            result[name] = kind_of(name)(value) if name in RunConfig.model_fields else value
        except ValueError as error:
            raise ValueError(f"{place}.{written}: {error}") from None
    return result


def of_config(config: RunConfig) -> Settings:
    """What decides the result of a run, its seed apart."""
    unused = idle(config) | WITHOUT_INFLUENCE | {"seed"}
    return {name: value for name, value in settled(config) if name not in unused}


def differing(a: Settings, b: Settings) -> dict[str, tuple[Any, Any]]:
    """The settings in which two experiments differ, each with both values.

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
    for choice, registry in CHOICES.items():
        entry = registry.get(settings.get(choice, ""))
        if entry is not None and name in fields_of(entry):
            return fields_of(entry)[name].default
    return None


def belonging(choices: Iterable[str]) -> set[str]:
    """The settings that come with some choices: those of schedules with `schedule`, those of optimizers likewise."""
    return {name for choice in choices if choice in CHOICES for name in owned(choice)}


def confounders(a: Settings, b: Settings, cause: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """What differs besides the cause and what comes with it; without a stated cause, a single difference is it."""
    found = differing(a, b)
    if not cause:
        return found if len(set(found) - belonging(found)) > 1 else {}
    meant = set(map(canonical_name, cause))
    return {name: values for name, values in found.items() if name not in meant | belonging(meant)}


def canonical_name(written: str) -> str:
    """RunConfig's name of a setting, or the name as it is."""
    return field_aliases().get(squashed(written), written)


def in_words(differences: Mapping[str, tuple[Any, Any]]) -> str:
    """As a sentence lists them: "optimizer (adam against sgd), framework (PyTorch against by hand)"."""
    return ", ".join(f"{name} ({_plain(a)} against {_plain(b)})" for name, (a, b) in differences.items())


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "-".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def choice(what: str, name: str, names: Iterable[str]) -> str:
    """The refusal of a name that is none of `names`."""
    known = list(names)
    near = nearest(name, known)
    hint = f": did you mean {near}?" if near else f", expected one of {', '.join(known)}"
    return f"unknown {what} {shown(name)}{hint}"


def in_one_line(error: ValidationError) -> str:
    """All that is wrong, once for each place; unknown keys first, for a misspelt one makes others look missing."""
    said: dict[str, str] = {}
    for each in sorted(error.errors(include_url=False), key=lambda each: each["type"] != UNKNOWN):
        place = ".".join(str(step) for step in each["loc"] if not _is_kind(step))
        message = str(each.get("ctx", {}).get("error", "")) if each["type"] == OWN_WORDS else _words(each)
        said.setdefault(place, f"{place}: {message}" if place else message)
    return "; ".join(said.values())


def _words(first: object) -> str:
    details = dict(first)  # type: ignore[call-overload]
    if details["type"] == UNKNOWN:
        return "is no key of a document of claims: leave it out, or see docs/claims.md for the right one"
    if details["type"] == "missing":
        return "is missing"
    message = details["msg"][0].lower() + details["msg"][1:]
    return f"{message.replace('input should be', 'must be')}, got {shown(details['input'])}"


def _is_kind(step: object) -> bool:
    """Whether a step of the place is the name of a kind of value, which pydantic puts in where several may stand."""
    return isinstance(step, str) and (step in ("float", "Spread") or "[" in step)
