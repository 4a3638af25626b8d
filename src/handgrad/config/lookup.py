"""From what somebody wrote to the one name that is meant, or to a refusal with the right spelling."""

import difflib
import functools
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from handgrad.config import spellings
from handgrad.errors import UsageError
from handgrad.optim import OPTIMIZERS

ALL = {"flag": "--help lists all", "setting": "`handgrad train --help` lists all"}

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: Any) -> str:
    """A value as an error quotes it: on one line, and cut when it is long."""
    return _short.repr(list(value) if isinstance(value, tuple) else value)


def squashed(name: str) -> str:
    """What two spellings of one name share: letters and digits in lower case."""
    return "".join(character for character in name.lower() if character.isalnum())


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that most resembles `name`, or None when none does."""
    plain = {squashed(other): other for other in names}
    near = difflib.get_close_matches(squashed(name), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def listed(names: Iterable[str]) -> str:
    """Names as a choice: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def inverted(rows: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Squashed spelling to name, from name to spellings."""
    return {squashed(spelling): name for name, others in rows.items() for spelling in (name, *others)}


@functools.cache
def field_spellings() -> dict[str, str]:
    """Every squashed spelling of a field, and the field."""
    return inverted(spellings.FIELDS)


def find(written: str, table: Mapping[str, str], what: str) -> str:
    """The name that a spelling stands for in `table`; `what` is "setting" or "flag", as `written` shows its dashes.

    Raises  UsageError for one that stands for nothing or for several, with what is likely meant.
    """
    squeezed = squashed(written)
    if squeezed in table:
        return table[squeezed]
    candidates = spellings.AMBIGUOUS_FIELDS.get(squeezed)
    if candidates:
        choices = listed(_dashes(what) + candidate for candidate in candidates)
        raise UsageError(f"{what} {written} is ambiguous: choose {choices}")
    raise unknown(written, what, table)


def unknown(written: str, what: str, table: Mapping[str, str] | None = None) -> UsageError:
    """The refusal of a name that stands for nothing."""
    table = table or field_spellings()
    owners = [name for name, kind in OPTIMIZERS.items() if squashed(written) in {f.name for f in fields(kind)}]
    if owners:
        option = f"{_dashes(what)}optimizer_options {squashed(written)}=..."
        return UsageError(f"{what} {written} belongs to {listed(owners)}: give {option}")
    near = table.get(squashed(written)) or table.get(nearest(written, table) or "")
    hint = f": did you mean {_dashes(what)}{near}?" if near else f". {ALL[what]}"
    return UsageError(f"unknown {what} {written}{hint}")


def _dashes(what: str) -> str:
    return "--" if what == "flag" else ""


@functools.cache
def _value_spellings(field: str) -> dict[str, str]:
    return inverted(spellings.VALUES.get(field, {}))


def value_name(field: str, text: str, names: Iterable[str]) -> str:
    """The one of `names`, a live registry, that `text` means as a value of `field`.

    Raises  ValueError with the choices and the nearest one, in the words that follow the field's name in an error.
    """
    names = list(names)
    if text in names:
        return text
    squeezed = squashed(text)
    by_spelling = {squashed(name): name for name in names}
    meant = by_spelling.get(squeezed) or _value_spellings(field).get(squeezed)
    if meant in names:
        return str(meant)
    candidates = spellings.AMBIGUOUS_VALUES.get(field, {}).get(squeezed)
    if candidates:
        raise ValueError(f"is ambiguous, got {shown(text)}, expected {listed(candidates)}")
    known = [*names, *(spelling for spelling, name in _value_spellings(field).items() if name in names)]
    near = nearest(text, known)
    hint = f"; did you mean {_value_spellings(field).get(squashed(near), near)}?" if near else ""
    raise ValueError(f"must be one of {', '.join(names)}, got {shown(text)}{hint}")
