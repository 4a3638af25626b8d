"""The parameters of a sweep file: names and aliases, groups, sizes of single layers, what needs no setting."""

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from handgrad.config import decides_training, value_type_of
from handgrad.config.aliases import nth_layer
from handgrad.config.lookup import (
    AmbiguousNameError,
    Problems,
    UnknownNameError,
    accepted_note,
    decided_by_data,
    field_aliases,
    is_slip,
    listed,
)
from handgrad.config.presets import chosen_by
from handgrad.config.read import fits, is_amount, meaning
from handgrad.config.value_types import Number, Whole, number, yes_or_no
from handgrad.errors import NOTE, Diagnostic, UsageError
from handgrad.sweeps.space import Constant, Distribution
from handgrad.sweeps.sweep_distributions import FEW, check_keys, mapping, read_distribution
from handgrad.text import squashed

WITHOUT_USE = dict.fromkeys(("name", "runs_dir"), "runs of a sweep get their folders by themselves")
WITHOUT_USE["device"] = "the hand-written engine computes on the processor; a graphics card takes --backend torch"
OWN_NAMES = {"name", "type", "kind", "value"}  # in a group, these mean what the group is called after
EXAMPLE = "{learning_rate: {values: [0.001, 0.0001]}}"


class Written(NamedTuple):
    """A parameter where it stands in the file: its path, the group that it is in, its own name, what it holds."""

    path: str
    group: str
    name: str
    content: Any


def read_parameters(content: Any, notices: list[Diagnostic], named: Mapping[str, str] = {}) -> dict[str, Distribution]:
    """The distributions by field, in the order of the file; `named` says what some of its names mean.

    A name that could mean several settings means none that another name says outright.

    Raises  UsageError in one line that names the parameter's path.
    """
    problems = Problems()
    all_written = [*_flat(mapping(content, "parameters", EXAMPLE), "parameters", "", problems)]
    all_written = _with_listed_sizes(all_written, notices, problems)
    certain = {field for each in all_written if (field := named.get(each.name) or _said_outright(each))}
    rest = {alias: field for alias, field in field_aliases().items() if field not in certain}
    found: dict[str, Distribution] = {}
    paths: dict[str, str] = {}
    turned_on: list[tuple[str, str]] = []
    for written in all_written:
        stated = named.get(written.name)
        meant = (stated, written.content) if stated else problems.of(_meant, written, rest, notices)
        if meant is None:
            continue
        field, inner = meant
        if _is_yes(inner) and isinstance(value_type_of(field), Number | Whole):
            turned_on.append((field, written.path))
            continue
        if field in found:
            problems.append(UsageError(f"{written.path} and {paths[field]} both mean {field}: leave one out"))
            continue
        read = problems.of(read_distribution, field, inner, written.path, notices)
        if read is not None:
            found[field], paths[field] = read, written.path
            problems.of(_check_field, field, read, written.path)
    for field, path in turned_on:
        if field in found:
            notices.append(Diagnostic(NOTE, f"{path} is ignored: {field} says how much", "Leave it out"))
        else:
            problems.append(UsageError(f"{path} does not say how much: give a number as {field}"))
    problems.refuse()
    as_it_is = "backend" in found or found.get("device") == Constant("cpu")
    for field in [field for field in WITHOUT_USE if field in found and not (field == "device" and as_it_is)]:
        del found[field]
        notices.append(Diagnostic(NOTE, f"{paths[field]} is ignored: {WITHOUT_USE[field]}", "Leave it out"))
    return found


def _with_listed_sizes(all_written: list[Written], notices: list[Diagnostic], problems: Problems) -> list[Written]:
    """The parameters, with one that lists hidden_size for all that give the size of one layer, as fc1 and fc2 do.

    With a number of layers besides, the first of them are listed; a single size is that of every layer.
    """
    sizes = [each for each in all_written if _is_size_of_one(each)]
    if not sizes or [nth_layer(each.name) for each in sizes] != [*range(1, len(sizes) + 1)]:
        return all_written
    counted = [each for each in all_written if _said_outright(each) == "num_layers"]
    depths = [*map(number, values_of(counted[0].content))] if counted else [len(sizes)]
    if counted and "min" in counted[0].content:
        depths = [*range(int(depths[0] or 0), int(depths[-1] or 0) + 1)]
    names = ", ".join(each.path for each in sizes)
    choices = [values_of(each.content) for each in sizes]
    if counted and len(sizes) == 1:
        listed_sizes = Written(names, "", "hidden_size", sizes[0].content)
        notices.append(Diagnostic(NOTE, f"{names}: taken as hidden_size, that of every layer", "Call it hidden_size"))
        return [listed_sizes if each is sizes[0] else each for each in all_written]
    fitting = [int(depth) for depth in depths if depth and depth <= len(sizes)]
    combinations = sum(math.prod(map(len, choices[:depth])) for depth in fitting)
    if any("min" in each.content or "mu" in each.content for each in sizes) or combinations > FEW:
        what = f"{names} are the sizes of one layer each: list the values of all, {FEW} combinations at most"
        problems.append(UsageError(what))
        return [each for each in all_written if each not in sizes]
    used = counted if len(fitting) == len(depths) else []
    lists = [[*each] for depth in fitting for each in itertools.product(*choices[:depth])]
    listed_sizes = Written(names, "", "hidden_size", {"values": lists})
    of = f"lists of the first {listed([*map(str, fitting)])}" if used else f"a list of {len(sizes)}"
    notices.append(Diagnostic(NOTE, f"{names}: taken as hidden_size, {of}", "Call it hidden_size"))
    kept = [each for each in all_written if each not in (*sizes[1:], *used)]
    return [listed_sizes if each is sizes[0] else each for each in kept]


def _is_size_of_one(written: Written) -> bool:
    """Whether it is the size of a single layer; l1 is one where its values are no penalties."""
    field = field_aliases().get(squashed(written.name))
    own = field and any(fits(field, value_type_of(field), value) for value in values_of(written.content))
    return nth_layer(written.name) > 0 and not own


def _is_yes(content: Any) -> bool:
    return isinstance(content, Mapping) and content.get("value") is True


def _said_outright(written: Written) -> str | None:
    """The setting that a name means whatever its values are."""
    try:
        field, _, note = meaning(
            _own_name(written), values_of(written.content), field_aliases(), value_type_of, "setting"
        )
    except UsageError:
        return None
    return None if note or values_of(written.content) == [True] else field


def _flat(content: Mapping[str, Any], path: str, group: str, problems: Problems) -> Iterator[Written]:
    """Every parameter; those of a group, W&B's nested parameters, after the group's name."""
    for name, inner in content.items():
        here = f"{path}.{name}"
        if isinstance(inner, Mapping) and "parameters" in inner:
            problems.of(check_keys, inner, ["parameters"], here)
            example = "{parameters: {lr: {value: 0.001}}}"
            nested = problems.of(mapping, inner["parameters"], f"{here}.parameters", example)
            yield from _flat(nested or {}, here, str(name), problems)
        else:
            *outer, own = str(name).split(".")
            yield Written(here, outer[-1] if outer else group, own, inner)


def _own_name(written: Written) -> str:
    """The name that says what a parameter is: in a group, `lr`, or the group's own name for `name`."""
    table, name = field_aliases(), written.name
    if written.group and name in OWN_NAMES and squashed(written.group) in table:
        return written.group
    both = squashed(written.group + name)
    return both if written.group and both in table else name


def values_of(content: Any) -> list[Any]:
    """The values that a parameter lists, or its bounds."""
    inner = content if isinstance(content, Mapping) else {}
    values = inner.get("values", [inner[key] for key in ("value", "min", "max") if key in inner])
    return values if isinstance(values, list) else [values]


def _meant(written: Written, rest: Mapping[str, str], notices: list[Diagnostic]) -> tuple[str, Any] | None:
    """The field of RunConfig that a parameter stands for, and what the file says of it; None where it needs none.

    `rest` are the aliases of settings that no name says outright.

    Raises  UsageError for a name that means none, or several, with what is likely meant.
    """
    table, name, values = field_aliases(), _own_name(written), values_of(written.content)
    inner = written.content if isinstance(written.content, Mapping) else {}
    said, ignored = "", Diagnostic(NOTE, f"{written.path} is ignored: it is no setting here, and does not vary")
    try:
        if squashed(name) not in table and not is_amount(name, values):
            said = decided_by_data(name) or accepted_note(name, str(*values[:1])) or ""
            said = "the data set decides that" if said in ("inputs", "classes") else said
        if said and len(values) == 1:
            notices.append(Diagnostic(NOTE, f"{written.path} is ignored: {said}", "Leave it out"))
            return None
        field, meant, note = meaning(name, values, table, value_type_of, "setting")
        if note and field not in rest.values():
            with suppress(UsageError):
                field, meant, note = meaning(name, values, rest, value_type_of, "setting")
    except UnknownNameError as error:
        if said:
            raise UsageError(f"{written.path} cannot vary: {said}") from error
        likely = error.meant != "" and all(fits(error.meant, value_type_of(error.meant), value) for value in values)
        if likely and is_slip(name, table):
            field, meant, note = error.meant, values, f"{name} is taken as {error.meant}, which differs by one letter"
        elif likely or len(values) != 1 or not inner.keys() <= {"value", "values", "distribution"}:
            place = written.path.removeprefix("parameters.")
            raise UnknownNameError(place, "setting", error.meant, error.instead) from error
        else:
            notices.append(ignored._replace(fix="Leave it out"))
            return None
    except AmbiguousNameError as error:
        owned_here = [field for field in error.candidates if chosen_by(field) in {*table.values()} - {*rest.values()}]
        try:
            field, meant, note = meaning(name, values, rest, value_type_of, "setting")
        except UsageError:
            if len(owned_here) != 1 or not all(fits(owned_here[0], value_type_of(owned_here[0]), v) for v in values):
                raise UsageError(f"{written.path}: {error}") from error
            field, meant = owned_here[0], values
            note = f"{name} is taken as {field}, since the file names the {chosen_by(field)}"
    except UsageError as error:
        raise UsageError(f"{written.path}: {error}") from error
    if len(values) == 1 and isinstance(value_type_of(field), Number | Whole) and yes_or_no(values[0]) is not None:
        return field, {"value": True} if yes_or_no(values[0]) else {"value": 0}
    if not note:
        return field, written.content
    notices.append(Diagnostic(NOTE, f"parameters.{note}", f"Call it {field}"))
    key = next((key for key in ("values", "value") if key in inner), None)
    return field, {**inner, key: meant if key == "values" else meant[0]} if key else inner


def _check_field(field: str, read: Distribution, path: str) -> None:
    """Refuse what decides nothing of a training, unless it is a constant."""
    if not decides_training(field) and read.size != 1:
        raise UsageError(f"{path} cannot vary, it changes nothing of a training: give one value")
