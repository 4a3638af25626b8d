"""From the words of a command line to a configuration, for every command that takes the settings of a run.

Flags are looked up one by one, with any number of dashes, `_` or `-`, in any case; argparse would read `-bs 32` as
`-b s`, and `-log True` as `-l og`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from handgrad.cli.options import TRAIN, Option
from handgrad.config import RunConfig, kind_of
from handgrad.config.kinds import Kind, Switch
from handgrad.config.lookup import field_spellings, find, inverted, shown, squashed
from handgrad.config.resolve import united
from handgrad.errors import UsageError

DASHES = "-‐‑–—−"  # what a PDF or a word processor makes of "-" too
FLAG = re.compile(f"[{DASHES}]+(?!(?:inf|nan)$)[A-Za-z]", re.IGNORECASE)  # -0.1 and -inf are values


class ParsedFlags(NamedTuple):
    """The checked configuration, what the flags gave of it, every option by name, given or not, and what to tell.

    `notes` say what was guessed about the words and what of them changes nothing, one line each.
    """

    config: RunConfig
    given: dict[str, Any]
    options: dict[str, Any]
    notes: list[str]


class Written(NamedTuple):
    """A flag as it was written, and the words that followed it."""

    flag: str
    words: list[str]


def parse(tokens: Sequence[str], options: Sequence[Option] = TRAIN) -> ParsedFlags:
    """Read a command line; flags override what the file of `--config` says, where `options` has that.

    With --help, nothing else is looked at: options["help"] is True, and the configuration is the default.

    Raises  UsageError in one line for a flag, a value or a combination that makes no sense; FileSystemError for a file
            that cannot be read.
    """
    if any(FLAG.match(token) and squashed(token) in ("h", "help") for token in tokens):
        return ParsedFlags(RunConfig(), {}, {**_defaults(options), "help": True}, [])
    vocabulary = Vocabulary(options)
    triples = [vocabulary.meaning(written) for written in split(tokens)]
    values = united(triples, vocabulary.kind_of)
    chosen = _defaults(options)
    for name in [name for name in values if name in chosen]:
        chosen[name] = _read(name, vocabulary.kind_of(name), values.pop(name))
    path = chosen.get("config")
    config = RunConfig.from_yaml(path).replaced(**values) if path else RunConfig(**values)
    return ParsedFlags(config, {name: getattr(config, name) for name in values}, chosen, [])


def split(tokens: Iterable[str]) -> list[Written]:
    """Each flag with its words.

    Raises  UsageError for a word that belongs to no flag.
    """
    found: list[Written] = []
    for token in tokens:
        if FLAG.match(token):
            flag, equals, value = token.partition("=")
            found.append(Written(" ".join(flag.split()), [value] if equals else []))
        elif found and token.strip(DASHES):
            found[-1].words.append(token)
        else:
            raise UsageError(f"unexpected {shown(token)}: settings are written --name value. --help lists them")
    return found


class Vocabulary:
    """The settings of a run and the options of one command, by all their spellings."""

    def __init__(self, options: Sequence[Option]) -> None:
        self.options = {option.name: option for option in options}
        self.table = field_spellings() | inverted({option.name: option.aliases for option in options})

    def kind_of(self, name: str) -> Kind:
        """How the values of a setting or an option may be written."""
        return self.options[name].kind if name in self.options else kind_of(name)

    def meaning(self, written: Written) -> tuple[str, str, Any]:
        """(what was written, the setting or option that it means, its value as written).

        Raises  UsageError for an unknown flag, a missing value, or one too many.
        """
        flag, words = written
        name, negated = self._name(written)
        kind = self.kind_of(name)
        if isinstance(kind, Switch):
            return self._switched(written, name, negated)
        if not words or words == [""]:
            raise UsageError(f"{flag} needs a value (--{name})")
        if len(words) > 1 and not kind.several:
            raise UsageError(f"{flag} takes one value, got {len(words)}: {_quoted(words)} (--{name})")
        return flag, name, words if kind.several else words[0]

    def _name(self, written: Written) -> tuple[str, bool]:
        """What a flag means, and whether it says no to it, as --no_batch_norm does."""
        flag, bare = written.flag, squashed(written.flag)
        if bare not in self.table and bare.startswith("no"):
            name = self.table.get(bare[2:], "")
            if name and isinstance(self.kind_of(name), Switch):
                return name, True
        glued = re.fullmatch(r"(\D+)(\d[\d.e-]*)", flag.lstrip(DASHES))
        if bare not in self.table and not written.words and glued and squashed(glued[1]) in self.table:
            raise UsageError(f"unknown flag {flag}: did you mean -{glued[1]} {glued[2]}?")
        return find(flag, self.table, "flag"), False

    def _switched(self, written: Written, name: str, negated: bool) -> tuple[str, str, Any]:
        flag, words = written
        if len(words) > 1 or (negated and words):
            takes = "no value" if negated else "true or false"
            raise UsageError(f"{flag} takes {takes}, got {_quoted(words)} (--{name})")
        on = _read(name, self.kind_of(name), words[0] if words else True) != negated
        sets = self.options[name].sets if name in self.options else None
        return (flag, *sets) if sets and on else (flag, name, on)


def _quoted(words: Sequence[str]) -> str:
    """Words as an error shows them, on one line."""
    return " ".join(" ".join(words).split())


def _read(name: str, kind: Kind, value: Any) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise UsageError(f"{name} {error} (--{name})") from error


def _defaults(options: Sequence[Option]) -> dict[str, Any]:
    return {option.name: option.default for option in options}
