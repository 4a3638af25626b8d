"""The parameters of a sweep file, by fields of RunConfig: aliases, groups, and what is no parameter at all."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from handgrad.config import decides_training
from handgrad.config.lookup import field_spellings, find
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import UsageError
from handgrad.nearest import squashed
from handgrad.sweeps.reading.distribution import read_distribution
from handgrad.sweeps.reading.keys import check_keys, mapping
from handgrad.sweeps.space import Distribution

OWN_NAMES = {"name", "type", "kind", "value"}  # in a group, these mean what the group is called after
EXAMPLE = "{learning_rate: {values: [0.001, 0.0001]}}"


class Written(NamedTuple):
    """A parameter where it stands in the file: its path, the group that it is in, its own name, what it holds."""

    path: str
    group: str
    name: str
    content: Any


def read_parameters(content: Any, notices: list[Diagnostic]) -> dict[str, Distribution]:
    """The distributions by field, in the order of the file.

    Raises  UsageError in one line that names the parameter's path.
    """
    found: dict[str, Distribution] = {}
    paths: dict[str, str] = {}
    for written in _flat(mapping(content, "parameters", EXAMPLE), "parameters", ""):
        field = _meant(written, notices)
        if field in found:
            raise UsageError(f"{written.path} and {paths[field]} both mean {field}: leave one out")
        found[field] = read_distribution(field, written.content, written.path, notices)
        paths[field] = written.path
        _check_field(field, found[field], written.path)
    return found


def _flat(content: Mapping[str, Any], path: str, group: str) -> Iterator[Written]:
    """Every parameter; those of a group, W&B's nested parameters, after the group's name."""
    for name, inner in content.items():
        here = f"{path}.{name}"
        if isinstance(inner, Mapping) and "parameters" in inner:
            check_keys(inner, ["parameters"], here)
            example = "{parameters: {lr: {value: 0.001}}}"
            yield from _flat(mapping(inner["parameters"], f"{here}.parameters", example), here, str(name))
        else:
            *outer, own = str(name).split(".")
            yield Written(here, outer[-1] if outer else group, own, inner)


def _meant(written: Written, notices: list[Diagnostic]) -> str:
    """The field of RunConfig that a parameter stands for.

    Raises  UsageError for a name that means none, or several, with what is likely meant.
    """
    table = field_spellings()
    joined = squashed(written.group + written.name)
    if written.group and written.name in OWN_NAMES and squashed(written.group) in table:
        field = table[squashed(written.group)]
    elif written.group and joined in table:
        field = table[joined]
    else:
        try:
            field = find(written.name, table, "setting")
        except UsageError as error:
            raise UsageError(f"{written.path}: {error}") from error
    return _by_values(field, written, notices)


def _by_values(field: str, written: Written, notices: list[Diagnostic]) -> str:
    """Numbers as `layers` count them, lists as `hidden_layers` are sizes: the values tell what the name does not."""
    values = written.content.get("values", [written.content.get("value")]) if isinstance(written.content, dict) else []
    values = values if isinstance(values, list) and values else [None]
    bounds = isinstance(written.content, dict) and "min" in written.content
    meant = field
    if field == "layers" and (bounds or all(type(value) is int for value in values)):
        meant = "num_layers"
    if field == "num_layers" and all(isinstance(value, list) for value in values):
        meant = "hidden_size"
    if meant != field:
        what = f"{written.path} is taken as {meant}, for that is what its values are"
        notices.append(Diagnostic(NOTE, what, f"Call it {meant}"))
    return meant


def _check_field(field: str, distribution: Distribution, path: str) -> None:
    """Refuse what decides nothing of a training, unless it is a tracker's constant."""
    if field in ("name", "runs_dir"):
        raise UsageError(f"{path} cannot be a parameter: runs of a sweep get their folders by themselves")
    if not decides_training(field) and distribution.size != 1:
        raise UsageError(f"{path} cannot vary, it changes nothing of a training: give one value")
