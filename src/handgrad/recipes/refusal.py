"""What is wrong with a document, in one line with the place in it."""

from collections.abc import Iterable

from pydantic import ValidationError

from handgrad.config.lookup import shown
from handgrad.nearest import nearest

OWN_WORDS = "value_error"
UNKNOWN = "extra_forbidden"


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
