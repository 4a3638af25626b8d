"""From the words of a command line to a configuration, for every command that takes the settings of a run.

Flags are looked up one by one, with any number of dashes, `_` or `-`, in any case; argparse would read `-bs 32` as
`-b s`, and `-log True` as `-l og`.
"""

import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from handgrad import strict_yaml
from handgrad.cli.commands import COMMANDS, examples_of, usage_of
from handgrad.cli.options import TRAIN, Option, help_text, options_of
from handgrad.config import RunConfig, aliases, lookup, value_type_of
from handgrad.config.aliases import nth_layer
from handgrad.config.describe import TURN_WANDB_ON, called_for, folder_of_name, idle_line
from handgrad.config.lookup import (
    AmbiguousNameError,
    UnknownNameError,
    accepted_note,
    decided_by_data,
    field_aliases,
    quoted,
    together,
)
from handgrad.config.presets import BEST, PRESETS
from handgrad.config.read import WEIGHTS, is_amount, meaning, merged
from handgrad.config.schema import departures
from handgrad.config.value_types import Name, Number, Switch, ValueType, Whole, items, number, yes_or_no
from handgrad.data import inputs_and_classes
from handgrad.errors import UsageError
from handgrad.text import squashed

DASHES = "-‐‑–—−"  # what a PDF or a word processor makes of "-" too
WHOLE = {squashed(name) for name in aliases.FIELDS["layers"]}  # names of the whole network
FLAG = re.compile(f"[{DASHES}]+(?!(?:inf|nan)$)[A-Za-z]", re.IGNORECASE)  # -0.1 and -inf are values


class ParsedFlags(NamedTuple):
    """The checked configuration, what the flags gave of it, every option by name, given or not, and what to tell.

    `notes` say what was guessed about the words and what of them changes nothing, one line each.
    """

    config: RunConfig
    stated: dict[str, Any]
    options: dict[str, Any]
    notes: list[str]

    def with_wandb(self, always: bool = False) -> RunConfig:
        """W&B is on where it is asked for, or where a project or an entity is named; --no_wandb has the last word."""
        wanted, track = self.options["use_wandb"], self.config.track
        if wanted is None:
            wanted = always or bool(set(TURN_WANDB_ON) & set(self.stated)) or "wandb" in track
        return self.config.replaced(track=[name for name in track if name != "wandb"] + ["wandb"] * wanted)


def parse(tokens: Sequence[str], options: Sequence[Option] = TRAIN, start: str = BEST) -> ParsedFlags:
    """Read a command line; flags override what the file of `--config` says, where `options` has that.

    `start` is the preset where neither names one. With --help, nothing else is looked at: options["help"] is True, and
    the configuration is that preset.

    Raises  UsageError for all flags, values and combinations that make no sense, in one line; FileSystemError for a
            file that cannot be read.
    """
    if any(FLAG.match(token) and squashed(token) in ("h", "help", "helpall") for token in tokens):
        return ParsedFlags(
            RunConfig(preset=start), {}, {**{option.name: option.default for option in options}, "help": True}, []
        )
    flags, file, source = Reading(options, "flag"), Reading(options, "setting"), ""
    for written, words in _split(tokens, flags.problems):
        flags.take(written, words)
    values, chosen = flags.result()
    if chosen.get("config"):
        source = str(chosen["config"])
        for name, value in strict_yaml.load_mapping(Path(os.path.expanduser(source))).items():
            file.take(str(name), [value])
    base, besides = file.result()
    dataset = str(values.get("dataset", base.get("dataset", RunConfig.model_fields["dataset"].default)))
    flags.without_ends(values, dataset)
    file.without_ends(base, dataset)
    config = _configured({"preset": start, **base}, values, file.problems, flags.problems)
    config = config and _suitable(config, [*file.decided, *flags.decided], flags.problems)
    said = f"{source}: {together(file.problems)}" if file.problems else ""
    if said or flags.problems or config is None:
        raise together([*([UsageError(said)] if said else []), *flags.problems])
    stated = {name: getattr(config, name) for name in values}
    notes = [*(f"{source}: {note}" for note in file.notes()), *flags.notes(), *_notes_on(config, stated, base)]
    return ParsedFlags(config, stated, {option.name: option.default for option in options} | besides | chosen, notes)


def parse_or_help(tokens: Sequence[str], command: str, more: str = "", **types: ValueType) -> ParsedFlags:
    """As `parse` by the rows of a command; --help prints the flags, examples and `more`, and leaves with 0."""
    options = options_of(command, **types)
    parsed = parse(tokens, options)
    if parsed.options["help"]:
        print(help_text(usage_of(command), examples_of(command), options, about=COMMANDS[command][1]) + more, end="")
        sys.exit(0)
    return parsed


def _configured(
    base: dict[str, Any], values: dict[str, Any], of_file: list[UsageError], of_flags: list[UsageError]
) -> RunConfig | None:
    """The file's settings with the flags laid over them; None, and what is wrong with either, where there is none."""
    try:
        RunConfig(**base)
    except UsageError as error:
        of_file.append(error)
        base = {}
    preset = {name: value for name, value in values.items() if name == "preset"}
    rest = {name: value for name, value in values.items() if name != "preset"}
    try:
        return RunConfig(**base | preset).replaced(**rest) if base.keys() > {"preset"} else RunConfig(**base | values)
    except UsageError as error:
        of_flags.append(error)
        return None


def _suitable(config: RunConfig, decided: Sequence[tuple[str, str, Any]], problems: list[UsageError]) -> RunConfig:
    """The configuration; a problem for each number of inputs or classes that its data set does not have."""
    known = inputs_and_classes(config.dataset)
    for written, what, value in decided:
        if known is None or (what == "inputs" and (config.resize or config.features != "pixels")):
            continue
        right = known[what == "classes"]
        numbers = [number(item) or 0 for item in items(value)]
        if math.prod(numbers) not in (right, *([math.isqrt(right)] if what == "inputs" else [])):
            must = f"{written} must be {right}, as the data set {config.dataset} has it, got {quoted(value)}"
            problems.append(UsageError(f"{must}. Leave it out"))
    return config


def _notes_on(config: RunConfig, stated: Iterable[str], base: Mapping[str, Any]) -> Iterator[str]:
    """What of the given settings changes nothing, a file's defaults aside; and a name that no folder can have."""
    differing = departures(config)
    line = idle_line(config, dict.fromkeys([*stated, *(name for name in base if name in differing)]))
    if line:
        yield line
    if "preset" in stated and not set().union(*PRESETS.values()) - base.keys():
        yield f"--preset {config.preset} changes nothing: the file gives every setting"
    if config.name and folder_of_name(config.name) != config.name:
        yield f"the run {config.name!r} is kept in the folder {folder_of_name(config.name)}"


def _split(tokens: Iterable[str], problems: list[UsageError]) -> list[tuple[str, list[str]]]:
    """Each flag with its words; a problem for every word that belongs to no flag."""
    found: list[tuple[str, list[str]]] = []
    for token in tokens:
        if FLAG.match(token):
            flag, equals, value = token.partition("=")
            found.append((" ".join(flag.split()), [value] if equals else []))
        elif found and token.strip(DASHES):
            found[-1][1].append(token)
        else:
            what = f"unexpected {quoted(token)}: settings are written --name value. --help all lists them"
            problems.append(UsageError(what))
    return found


class Reading:
    """What is read of the flags of one command, or of a file's settings: values, what to say of them, what is wrong."""

    def __init__(self, options: Sequence[Option], what: str) -> None:
        self.options = {option.name: option for option in options}
        self.table = field_aliases() | lookup.inverted({option.name: option.aliases for option in options})
        self.what = what
        self.problems: list[UsageError] = []
        self.decided: list[tuple[str, str, Any]] = []
        self.places: list[tuple[str, str, Any]] = []
        self._triples: list[tuple[str, str, Any]] = []
        self._unclear: list[tuple[str, list[Any], AmbiguousNameError]] = []
        self._turned_on: list[tuple[str, str]] = []
        self._layers: list[tuple[str, Any]] = []
        self._notes: list[str] = []
        self._resolutions: dict[str, list[str]] = {}

    def value_type_of(self, name: str) -> ValueType:
        """How the values of a setting or an option may be written."""
        return self.options[name].type if name in self.options else value_type_of(name)

    def take(self, written: str, words: list[Any]) -> None:
        """Read one name with its words; of a file, a single value."""
        bare = squashed(written)
        names = aliases.SEVERAL_FIELDS.get(bare, ())
        values = words[0] if len(words) == 1 and isinstance(words[0], list) else words
        try:
            if names and len(values) == len(names):
                self._triples += [(written, name, value) for name, value in zip(names, values, strict=True)]
            elif bare in aliases.COMPLEMENTS and len(words) == 1:
                self._triples.append(self._rest(written, words[0]))
            elif nth_layer(written) == len(self._layers) + 1 and bare not in self.table and len(words) == 1:
                self._layers.append((written, words[0]))
            elif not self._answered(written, words):
                self._triples += self._read(written, words)
        except AmbiguousNameError as problem:
            self._unclear.append((written, words, problem))
        except UsageError as problem:
            self.problems.append(problem)

    def result(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values of settings as they were written, and of the options, checked; both by name."""
        values: dict[str, Any] = {}
        chosen: dict[str, Any] = {}
        self._clear_up()
        self._one_folder()
        if self._layers:
            names, sizes = zip(*self._layers, strict=True)
            self._triples.append((" ".join(names), "hidden_size", list(sizes)))
            self._notes.append(f"{', '.join(names)}: taken as hidden_size {' '.join(map(str, sizes))}")
        named = any(name == "dataset" for _, name, _ in self._triples)
        if named:
            where = "data sets are looked for in $HANDGRAD_DATA_DIR and the usual places"
            self._notes += [f"{written}: {where}" for written, *_ in self.places]
        try:
            values = merged([*self._triples, *([] if named else self.places)], self.value_type_of)
        except UsageError as problem:
            self.problems.append(problem)
        for name in [name for name in values if name in self.options]:
            try:
                chosen[name] = _read(name, self.value_type_of(name), values.pop(name))
            except UsageError as problem:
                self.problems.append(problem)
        return values, chosen

    def without_ends(self, values: dict[str, Any], dataset: str) -> None:
        """Take the input and the output from a list of layers that has both, as `--layers 784 128 10` for MNIST.

        A list of hidden layers is taken at its word.
        """
        written = next((written for written, name, _ in self._triples if name == "hidden_size"), "")
        bare = squashed(written)
        if "hidden" in bare or not ("layer" in bare or bare in WHOLE):
            return
        try:
            numbers = [number(item) for item in items(values.get("hidden_size"))]
        except ValueError:
            return
        if len(numbers) < 3 or (numbers[0], numbers[-1]) != inputs_and_classes(dataset):
            return
        values["hidden_size"] = [int(each or 0) for each in numbers[1:-1]]
        self._notes.append(
            f"{written}: {numbers[0]:g} and {numbers[-1]:g} are the input and the output, no hidden layers"
        )

    def _rest(self, written: str, word: Any) -> tuple[str, str, Any]:
        """What a name that says the rest of a share means.  Raises  UsageError for what is no share."""
        name, share = aliases.COMPLEMENTS[squashed(written)], number(word)
        if share is None or not 0 < share <= 1:
            what = f"{written} must be in (0, 1], got {quoted(word)}"
            raise UsageError(f"{what}, for {name} is the rest of it (--{name})")
        rest = round(1 - share, 12)
        self._notes.append(f"{written} {share:g} is taken as {name} {rest:g}, the rest of it")
        return written, name, rest

    def _clear_up(self) -> None:
        """What an ambiguous name means beside the choices that are written: gamma is momentum's with that optimizer."""
        chosen = {name: _or_none(self.value_type_of(name), value) for _, name, value in self._triples}
        for written, words, problem in self._unclear:
            users = {name: called_for(name, chosen) for name in problem.candidates if name not in chosen}
            wanted = [name for name, user in users.items() if user]
            value = words[0] if len(words) == 1 else words
            fitting = [name for name in users if " " in name or _or_none(self.value_type_of(name), value) is not None]
            if len(wanted) == 1 and len(words) == 1:
                self._triples.append((written, wanted[0], words[0]))
                self._notes.append(f"{written} is taken as {wanted[0]}, since {users[wanted[0]]} uses it")
            elif len(fitting) == 1 and " " not in fitting[0]:
                self._triples.append((written, fitting[0], value))
                self._notes.append(f"{written} is taken as {fitting[0]}: what else it could mean is given by itself")
            else:
                self.problems.append(problem)
        for written, name in self._turned_on:
            value = next((value for _, field, value in self._triples if field == name), None)
            if value is None:
                self.problems.append(UsageError(f"{written} needs a value (--{name})"))
            else:
                self._notes.append(f"{written}: {name} {value} says how much")

    def _one_folder(self) -> None:
        """Of several folders for what a run leaves behind, such as --save_dir and --log_dir, the first is taken."""
        found = [(written, value) for written, name, value in self._triples if name == "runs_dir"]
        for written, value in found[1:]:
            if squashed(written) != squashed(found[0][0]) and value != found[0][1]:
                self._triples.remove((written, "runs_dir", value))
                self._notes.append(f"{written}: all that a run leaves behind is kept in one folder, in {found[0][1]}")

    def notes(self) -> list[str]:
        """What was guessed about the words, and what is said to names that need no setting."""
        return [*self._notes, *(f"{', '.join(names)}: {said}" for said, names in self._resolutions.items())]

    def _answered(self, written: str, words: list[Any]) -> bool:
        """Whether a name needs no setting; what is to be said of it is noted."""
        bare, value = squashed(written), words[0] if len(words) == 1 else words or True
        if (bare in self.table and not lookup.is_result(written, value)) or is_amount(written, [value]):
            return False
        if bare in aliases.PLACES:
            self.places.append((written, "dataset", value))
            return True
        what, said = decided_by_data(written), accepted_note(written, str(value))
        if what and bare in aliases.OTHERWISE and number(value) is None:
            return False  # --out FOLDER
        if what:
            said = "the data set decides that"
            self.decided.append((written, what, value))
        elif not said and bare.startswith("no"):
            said = accepted_note(bare[2:], "false")
        elif said == aliases.SAVED and str(value).lower().endswith(WEIGHTS) and "modelsavepath" in self.table:
            self._triples.append((written, "model_save_path", value))
            return True
        if said:
            self._resolutions.setdefault(said, []).append(written)
        return bool(said)

    def _read(self, written: str, words: list[Any]) -> list[tuple[str, str, Any]]:
        """(what was written, the setting or option that it means, its value as written); none for a mere yes.

        Raises  UsageError for an unknown name, a missing value, or one too many.
        """
        name, value, negated = self._meant(written, words)
        value_type = self.value_type_of(name)
        if isinstance(value_type, Switch):
            return [self._switched(written, words, name, negated)]
        on = yes_or_no(value) if self.what == "flag" and isinstance(value_type, Number | Whole) else None
        if on:
            self._turned_on.append((written, name))
            return []
        if on is False and _or_none(value_type, 0) is not None:
            self._notes.append(f"{written} {value} is taken as {name} 0")
            value = 0
        if value is True and self.what == "flag" and isinstance(value_type, Name):
            value = "true"  # --normalize
        if value is True or value in ("", [""]):
            raise UsageError(f"{written} needs a value (--{name})")
        if self.what == "flag" and isinstance(value, list) and not value_type.several:
            if len({str(word).lower() for word in value}) > 1:
                raise UsageError(f"{written} takes one value, got {len(value)}: {_quoted(value)} (--{name})")
            self._notes.append(f"{written}: {value[0]} once is enough, it holds for every layer")
            value = value[0]
        return [(written, name, value)]

    def _meant(self, written: str, words: list[Any]) -> tuple[str, Any, bool]:
        """What a name means, its value, and whether it says no to it, as --no_batch_norm does."""
        bare = squashed(written)
        for no in ("no", "disable", "without", "skip"):
            name = self.table.get(bare.removeprefix(no), "")
            if bare not in self.table and bare.startswith(no) and name and isinstance(self.value_type_of(name), Switch):
                return name, words, True
        glued = re.fullmatch(r"(\D+)(\d[\d.e-]*)", written.lstrip(DASHES))
        if bare not in self.table and not words and glued and squashed(glued[1]) in self.table:
            raise UsageError(f"unknown flag {written}: did you mean -{glued[1]} {glued[2]}?")
        value = words[0] if len(words) == 1 else words or True
        try:
            name, (value,), note = meaning(written, [value], self.table, self.value_type_of, self.what)
        except UnknownNameError:
            named = _by_value(bare) if not words or str(words[0]).lower() == "true" else ()
            if len(named) != 1:
                raise
            self._notes.append(f"{written} is taken as --{named[0]} {bare}")
            return named[0], bare, False
        self._notes += [note] if note else []
        return name, value, False

    def _switched(self, written: str, words: list[Any], name: str, negated: bool) -> tuple[str, str, Any]:
        if len(words) > 1 or (negated and words):
            takes = "no value" if negated else "true or false"
            raise UsageError(f"{written} takes {takes}, got {_quoted(words)} (--{name})")
        on = _read(name, self.value_type_of(name), words[0] if words else True) != negated
        sets = self.options[name].sets if name in self.options else None
        return (written, *sets) if sets and on else (written, name, on)


def _by_value(word: str) -> list[str]:
    """The fields that have a value of this name, as --adam is one of optimizer's."""
    found = {field: _or_none(value_type_of(field), word) for field in aliases.FLAGS_BY_VALUE}
    found["dataset"] = inputs_and_classes(word)
    return [field for field in aliases.FLAGS_BY_VALUE if found[field] is not None]


def _quoted(words: Sequence[Any]) -> str:
    """Words as an error shows them, on one line."""
    return " ".join(" ".join(map(str, words)).split())


def _read(name: str, value_type: ValueType, value: Any) -> Any:
    try:
        return value_type(value)
    except ValueError as error:
        raise UsageError(f"{name} {error} (--{name})") from error


def _or_none(value_type: ValueType, value: Any) -> Any:
    with suppress(ValueError):
        return value_type(value)
    return None
