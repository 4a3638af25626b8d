"""From what somebody wrote to the one name that is meant, or to a refusal with the nearest one."""

import functools
import re
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from handgrad.config import aliases
from handgrad.config.aliases import field_wordings, instead, tokens, wording
from handgrad.config.metrics import metric_name
from handgrad.errors import UsageError
from handgrad.optim import OPTIMIZERS
from handgrad.text import nearest, slips, squashed

T = TypeVar("T")
ALL = {"flag": ". --help all lists all", "setting": " (--help all lists all)"}
LONG_ENOUGH = 5  # letters, of a name that leaves no doubt where one is wrong, or where words are left out
SHORTEST = 4  # letters, of the beginning of a word that stands for all of it
MANY_NAMES = 20  # of which an error names the nearest only

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
WHERE_OR_WHEN = "(?:path|file|filename|dir|folder|prefix|name|every|freq|interval|steps|epochs)"
DOTTED = re.compile(r"(?:torch|nn|optim|tf|tensorflow|keras|F|jax|np|functional)(?:\.\w+)+")
_LOGGING = re.compile(f"(?P<verb>{aliases.VERBS})(?P<things>(?:(?:{aliases.THINGS})s?)*){WHERE_OR_WHEN}?")
_WEIGHTS = re.compile(
    f"(?:save|store|keep)(?:best|last|final|trained)?(?:model|weight|checkpoint|ckpt|network)s?{WHERE_OR_WHEN}?"
    "|(?:model|checkpoint|ckpt)s?(?:dir|folder|freq|every)"
)


def quoted(value: Any) -> str:
    """A value as an error quotes it: on one line, and cut when it is long."""
    return _short.repr(list(value) if isinstance(value, tuple) else value)


def listed(names: Iterable[str]) -> str:
    """Names as a choice: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def inverted(rows: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Squashed alias to name, from name to its aliases."""
    return {squashed(alias): name for name, others in rows.items() for alias in (name, *others)}


@functools.cache
def field_aliases() -> dict[str, str]:
    """Every squashed alias of a field, and the field."""
    return inverted(aliases.FIELDS)


def setting_name(written: str) -> str:
    """The setting that an alias stands for, or the name as it is."""
    return field_aliases().get(squashed(written), written)


class UnknownNameError(UsageError):
    """A name that stands for nothing; `meant` is what was likely meant, "" where nothing is near.

    `instead` says what to do about what no setting describes.
    """

    def __init__(self, written: str, what: str, meant: str, instead: str = "") -> None:
        self.written, self.what, self.meant, self.instead = written, what, meant, instead
        hint = f": {instead}" if instead else f": did you mean {meant}?" if meant else ALL[what]
        super().__init__(f"unknown {what} {written}{hint}")


class AmbiguousNameError(UsageError):
    """A name that stands for several settings, the `candidates`."""

    def __init__(self, written: str, what: str, candidates: Sequence[str]) -> None:
        self.candidates = candidates
        choices = listed(_dashes(what) + candidate for candidate in candidates)
        super().__init__(f"{what} {written} is ambiguous: choose {choices}")


def together(problems: Sequence[UsageError]) -> UsageError:
    """All that is wrong, on one line: first the names that stand for nothing, in one list."""
    if len(problems) == 1:
        return problems[0]
    lost = [problem for problem in problems if isinstance(problem, UnknownNameError)]
    said = [str(problem) for problem in problems if problem not in lost or len(lost) == 1]
    for hint in dict.fromkeys(each.instead for each in lost) if len(lost) > 1 else ():
        alike = [each for each in lost if each.instead == hint]
        names = ", ".join(
            f"{each.written} (did you mean {each.meant}?)" if each.meant else each.written for each in alike
        )
        rest = f": {hint}" if hint else "" if all(each.meant for each in alike) else ALL[lost[0].what]
        said.insert(0, f"unknown {lost[0].what}{'s' * (len(alike) > 1)} {names}{rest}")
    values: dict[str, list[str]] = {}  # what is said of several values of one setting is said once
    for what, _, value in (each.partition(", got ") for each in dict.fromkeys(said)):
        values.setdefault(what, []).append(value)
    return UsageError("; ".join(f"{what}, got {' and '.join(v)}" if all(v) else what for what, v in values.items()))


class Problems(list[UsageError]):
    """What is wrong, collected so that all of it is said at once."""

    def of(self, read: Callable[..., T], *arguments: Any) -> T | None:
        """What `read` gives; None where it refuses, which is kept."""
        try:
            return read(*arguments)
        except UsageError as problem:
            self.append(problem)
            return None

    def refuse(self) -> None:
        """Raises  UsageError where anything was wrong."""
        if self:
            raise together(self)


def find(written: str, table: Mapping[str, str], what: str) -> str:
    """The name that an alias stands for in `table`; `what` is "setting" or "flag", as `written` shows its dashes.

    Raises  UsageError for one that stands for nothing or for several, with what is likely meant.
    """
    squeezed = squashed(written)
    if squeezed in table:
        return table[squeezed]
    worded = field_wordings().get(wording(written))
    if worded and squeezed not in aliases.AMBIGUOUS_FIELDS:
        return worded
    candidates = ambiguous(written)
    if candidates:
        raise AmbiguousNameError(written, what, candidates)
    raise unknown(written, what, table)


def ambiguous(written: str) -> tuple[str, ...]:
    """The settings that a name could mean, where the table says so of it or of its words: num_fc is as num_hidden."""
    words = wording(written)
    named = () if words in field_wordings() or words <= {"num"} else _ambiguous_wordings().get(words, ())
    return aliases.AMBIGUOUS_FIELDS.get(squashed(written), named)


@functools.cache
def _ambiguous_wordings() -> dict[frozenset[str], tuple[str, ...]]:
    return {wording(name): named for name, named in aliases.AMBIGUOUS_WRITTEN.items() if len(name) > 2}


def unknown(written: str, what: str, table: Mapping[str, str] | None = None) -> UsageError:
    """The refusal of a name that stands for nothing."""
    table = table or field_aliases()
    owners = [
        name for name, optimizer in OPTIMIZERS.items() if squashed(written) in {f.name for f in fields(optimizer)}
    ]
    if owners:
        option = f"{_dashes(what)}optimizer_options {squashed(written)}=..."
        return UsageError(f"{what} {written} belongs to {listed(owners)}: give {option}")
    near = table.get(squashed(written)) or table.get(nearest(written, table) or "")
    hint = instead(written)
    return UnknownNameError(written, what, f"{_dashes(what)}{near}" if near and not hint else "", hint)


def is_slip(written: str, names: Collection[str]) -> bool:
    """Whether a name of some length differs from one of `names` by one letter, no digit, or by two swapped ones."""
    near, squeezed = squashed(nearest(written, names) or ""), squashed(written)
    digits = re.sub(r"\D", "", near) == re.sub(r"\D", "", squeezed)
    return near != "" and digits and len(squeezed) >= LONG_ENOUGH and slips(squeezed, near) == 1


def _dashes(what: str) -> str:
    return "--" if what == "flag" else ""


def value_aliases(field: str, names: Collection[str], form: Callable[[str], str] = squashed) -> dict[str, str]:
    """Alias to name, squashed: of a registry's entries as their classes say, of other values as VALUES does."""
    rows = dict(aliases.VALUES.get(field, {}))
    if isinstance(names, Mapping):
        rows |= {name: entry.aliases for name, entry in names.items() if getattr(entry, "aliases", ())}
    ambiguous = aliases.AMBIGUOUS_VALUES.get(field, {})
    written = ((form(alias), name) for name, others in rows.items() for alias in (name, *others))
    return {alias: name for alias, name in written if alias not in ambiguous}


def _bare(text: str) -> str:
    """A value without the words that any value may have: batch of batch_gradient_descent, adam of AdamOptimizer."""
    return "".join(word for word in tokens(text) if word not in aliases.OTHER_WORDS["values"])


def value_name(field: str, text: str, names: Collection[str]) -> str:
    """The one of `names`, a live registry, that `text` means as a value of `field`.

    Raises  ValueError with the choices and the nearest one, in the words that follow the field's name in an error.
    """
    if text in names:
        return text
    names_by_alias = value_aliases(field, names)
    last = text.rpartition(".")[2] if DOTTED.fullmatch(text) else text  # torch.optim.Adam
    squeezed, bare = squashed(last), _bare(last)
    by_name = names_by_alias | {squashed(name): name for name in names}
    meant = (
        by_name.get(squeezed)
        or by_name.get(bare)
        or (len(bare) >= LONG_ENOUGH and value_aliases(field, names, _bare).get(bare))
    )
    names = list(names)
    if meant in names:
        return str(meant)
    candidates = aliases.AMBIGUOUS_VALUES.get(field, {}).get(squeezed)
    if candidates:
        raise ValueError(f"is ambiguous, got {quoted(text)}, expected {listed(candidates)}")
    known = [*names, *(alias for alias, name in names_by_alias.items() if name in names)]
    near = nearest(text, known, aliases.FOREIGN.get(field, ()))
    hint = f"; did you mean {names_by_alias.get(squashed(near), near)}?" if near else ""
    pointer = aliases.POINTERS.get(field, {}).get(squeezed, "")
    if hint and len(names) > MANY_NAMES:
        raise ValueError(f"is not known, got {quoted(text)}{hint}")
    raise ValueError(f"must be one of {', '.join(names)}, got {quoted(text)}{hint}{f'. {pointer}' if pointer else ''}")


def shortened(field: str, text: str, names: Collection[str]) -> str:
    """The one name that a value is the beginning of, as rmsp of rmsprop, or differs from by one letter; or ""."""
    known = value_aliases(field, names) | {squashed(name): name for name in names}
    begun = {name for alias, name in known.items() if alias.startswith(squashed(text)) and name in names}
    if len(begun) == 1 and len(squashed(text)) >= SHORTEST:
        return begun.pop()
    near = nearest(text, known, aliases.FOREIGN.get(field, ()))
    return known.get(squashed(near), "") if near and is_slip(text, known) else ""


_ACCEPTED = inverted(aliases.ACCEPTED)
_ALWAYS = inverted({said: names for said, (names, _) in aliases.ALWAYS.items()})


@functools.cache
def _always_wordings() -> dict[frozenset[str], str]:
    rows = {wording(name): said for said, (names, _) in aliases.ALWAYS.items() for name in names}
    return {words: said for words, said in rows.items() if words not in field_wordings()}


def is_result(written: str, value: object) -> bool:
    """Whether a name with its value says what was reached, as test_accuracy 0.97 in a file of settings does."""
    fraction = re.fullmatch(r"\d*\.\d+(e-?\d+)?", str(value)) is not None
    return fraction and (metric_name(written) is not None or "precision" in re.split("[ _/-]", written.lower()))


def accepted_note(written: str, value: str) -> str | None:
    """What is to be said to a name that needs no setting; None for any other name.

    Raises  UsageError for a value that asks for another program.
    """
    name = squashed(written)
    if is_result(written, value):
        return "that is a result, no setting"
    if _WEIGHTS.fullmatch(name):
        return aliases.SAVED
    logging = _LOGGING.fullmatch(name)
    if logging and name != logging["verb"]:
        return (
            aliases.ALWAYS_KEPT
            if logging["things"]
            else aliases.SAVED
            if logging["verb"] in ("save", "store")
            else aliases.WRITTEN
        )
    said = _ALWAYS.get(name) or (_always_wordings().get(wording(written)) if name not in _ACCEPTED else None)
    if said and value.lower() not in aliases.ALWAYS[said][1]:
        raise UsageError(f"{said}: leave out {written}, got {quoted(value)}")
    return said or _ACCEPTED.get(name)


def decided_by_data(written: str) -> str | None:
    """ "inputs" or "classes", for a name of what the data set decides, such as num_classes or input_dim."""
    words = wording(written)
    if words & aliases.CLASSES and words <= aliases.CLASSES | aliases.MEASURES and words != {"label"}:
        return "classes"
    inputs = words & aliases.INPUTS and words <= aliases.INPUTS | aliases.MEASURES and words != {"feature"}
    return "inputs" if inputs or squashed(written) == "infeatures" else None
