"""Keys and words of a sweep file: which there are, and which one was meant."""

from collections.abc import Iterable, Mapping
from typing import Any

from handgrad.config.lookup import Problems, inverted, listed, shown
from handgrad.errors import UsageError
from handgrad.nearest import nearest, squashed


def check_keys(content: Mapping[str, Any], known: Iterable[str], where: str, meant: Mapping[str, str] = {}) -> None:
    """Refuse every key that is none of `known`; `meant` has the right ones for some that people write instead."""
    known, problems = list(known), Problems()
    for key in content:
        if key not in known:
            near = meant.get(str(key)) or nearest(str(key), known)
            hint = f": did you mean {near}?" if near else f", expected {listed(known)}"
            problems.append(UsageError(f"unknown key {shown(key)}{f' in {where}' if where else ''}{hint}"))
    problems.refuse()


def mapping(value: Any, where: str, example: str) -> Mapping[str, Any]:
    """The value, if it is a mapping that is not empty."""
    if not isinstance(value, Mapping) or not value:
        raise UsageError(f"{where} must be a mapping such as {example}, got {shown(value)}")
    return value


def word(value: Any, table: Mapping[str, Iterable[str]], where: str) -> str:
    """The one of the names in `table` that a text means; the table has other spellings of each."""
    meanings = inverted(table)
    if isinstance(value, str) and squashed(value) in meanings:
        return meanings[squashed(value)]
    near = nearest(value, meanings) if isinstance(value, str) else None
    hint = f"; did you mean {meanings[squashed(near)]}?" if near else ""
    raise UsageError(f"{where} must be {listed(table)}, got {shown(value)}{hint}")


def text(value: Any, where: str) -> str:
    """One line of text."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where} must be a text, got {shown(value)}")
    return " ".join(value.split())


def whole(value: Any, where: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or value < least:
        raise UsageError(f"{where} must be a whole number of at least {least}, got {shown(value)}")
    return value
