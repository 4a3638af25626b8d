"""The parameters of a sweep file, by fields of RunConfig: aliases, groups, and what is no parameter at all."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from handgrad.config import decides_training, kind_of
from handgrad.config.accepted import answer, decided_by_data
from handgrad.config.lookup import Problems, field_spellings
from handgrad.config.meaning import meaning
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
    problems = Problems()
    for written in _flat(mapping(content, "parameters", EXAMPLE), "parameters", "", problems):
        meant = problems.of(_meant, written, notices)
        if meant is None:
            continue
        field, inner = meant
        if field in found:
            problems.append(UsageError(f"{written.path} and {paths[field]} both mean {field}: leave one out"))
            continue
        distribution = problems.of(read_distribution, field, inner, written.path, notices)
        if distribution is not None:
            found[field], paths[field] = distribution, written.path
            problems.of(_check_field, field, distribution, written.path)
    problems.refuse()
    return found


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


def _meant(written: Written, notices: list[Diagnostic]) -> tuple[str, Any] | None:
    """The field of RunConfig that a parameter stands for, and what the file says of it; None where it needs none.

    Raises  UsageError for a name that means none, or several, with what is likely meant.
    """
    table, name = field_spellings(), written.name
    joined = squashed(written.group + name)
    if written.group and name in OWN_NAMES and squashed(written.group) in table:
        name = written.group
    elif written.group and joined in table:
        name = joined
    inner = written.content if isinstance(written.content, Mapping) else {}
    values = inner.get("values", [inner[key] for key in ("value", "min", "max") if key in inner])
    values = values if isinstance(values, list) else [values]
    try:
        said = squashed(name) not in table and (decided_by_data(name) or answer(name, str(*values[:1])))
        if said and len(values) == 1:
            said = said if said not in ("inputs", "classes") else "the data set decides that"
            notices.append(Diagnostic(NOTE, f"{written.path} is ignored: {said}", "Leave it out"))
            return None
        field, meant, note = meaning(name, values, table, kind_of, "setting")
    except UsageError as error:
        raise UsageError(f"{written.path}: {error}") from error
    if not note:
        return field, written.content
    what = f"{written.path} is taken as {field}, for that is what its values are"
    notices.append(Diagnostic(NOTE, what, f"Call it {field}"))
    key = next((key for key in ("values", "value") if key in inner), None)
    return field, {**inner, key: meant if key == "values" else meant[0]} if key else inner


def _check_field(field: str, distribution: Distribution, path: str) -> None:
    """Refuse what decides nothing of a training, unless it is a tracker's constant."""
    if field in ("name", "runs_dir"):
        raise UsageError(f"{path} cannot be a parameter: runs of a sweep get their folders by themselves")
    if not decides_training(field) and distribution.size != 1:
        raise UsageError(f"{path} cannot vary, it changes nothing of a training: give one value")
