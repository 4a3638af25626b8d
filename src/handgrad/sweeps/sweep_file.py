"""A sweep file in W&B's format, read into a SweepDefinition: each key is used, or reported as ignored."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad import strict_yaml
from handgrad.config import RunConfig, value_type_of
from handgrad.config.lookup import ALL, Problems, field_aliases, listed, quoted, setting_name
from handgrad.config.metrics import METRICS, USUAL, metric_name
from handgrad.config.presets import BEST, PLAIN
from handgrad.config.value_types import Switch
from handgrad.errors import NOTE, WARNING, Diagnostic, HandgradError, UsageError
from handgrad.sweeps.definition import GOALS, METHODS, Hyperband, Metric, SweepDefinition
from handgrad.sweeps.programs.logged import ANY_ACCURACY
from handgrad.sweeps.programs.program import Program, own_keys, read_program
from handgrad.sweeps.samplers.design import coefficients, design_size
from handgrad.sweeps.space import Constant, Distribution, name_of
from handgrad.sweeps.sweep_distributions import bound, check_keys, mapping, read_otherwise, text, whole, word
from handgrad.sweeps.sweep_parameters import read_parameters
from handgrad.text import nearest, squashed

METRIC_EXAMPLE = "{name: validation_accuracy, goal: maximize}"
STOPPING_EXAMPLE = "{type: hyperband, min_iter: 3}"
STOPPING_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
BUNDLED = {"da6401": Path(__file__).with_name("da6401.yaml")}
IGNORED = {
    "apiVersion": "there is one format",
    "kind": "",
    "controller": "the search runs here",
    "job": "there is no queue to take it from",
    "image_uri": "there is no container to start",
    "scheduler": "the search engine is Optuna",
}
USED = ("name", "description", "method", "metric", "parameters", "early_terminate", "run_cap")
SETTINGS = {"project": "wandb_project", "entity": "wandb_entity"}
KEYS = (*USED, "handgrad", *SETTINGS, "program", "command", "metrics", *IGNORED)
MEANT = {
    "count": "run_cap",
    "trials": "run_cap",
    "max_runs": "run_cap",
    "goal": "metric",
    "hyperband": "early_terminate",
}


def command_settings(command: Any, notices: list[Diagnostic]) -> dict[str, Any]:
    """Canonical values by field, from words such as ["${program}", "--dataset", "mnist", "${args}"].

    Raises  UsageError when the command is no list, or a flag's value is refused.
    """
    if command is None:
        return {}
    if not isinstance(command, list) or not all(isinstance(word, str | int | float) for word in command):
        raise UsageError(f"command must be a list of words, got {quoted(command)}")
    words = [str(word) for word in command]
    table = field_aliases()
    settings: dict[str, Any] = {}
    problems = Problems()
    for place, flag_or_value in [*enumerate(words)][_after_program(words) :]:
        flag, equals, value = flag_or_value.partition("=")
        if not flag.startswith("-"):
            continue
        field = table.get(squashed(flag))
        if field is None:
            notices.append(Diagnostic(NOTE, f"command: {flag} is ignored: it is no setting of a run"))
        else:
            written = value if equals else _next(words, place, value_type_of(field).several)
            settings[field] = problems.of(_value, field, flag, written)
    problems.refuse()
    rest = "what starts a run is ignored: handgrad trains by itself"
    used = f"; its flags are used: {', '.join(settings)}" if settings else ""
    notices.append(Diagnostic(NOTE, f"command: {rest}{used}"))
    return settings


def _after_program(words: list[str]) -> int:
    """The place of the first word that is the program's own, and not that of an interpreter, as -m of python is."""
    module = words.index("-m") + 1 if "-m" in words and words[0] != "-m" else 0
    named = [place for place, word in enumerate(words) if word == "${program}" or word.endswith(".py")]
    return min([*named, module] if module else named, default=-1) + 1


def _next(words: list[str], place: int, several: bool) -> str | list[str] | None:
    """The words that follow a flag, up to the next flag or macro; the first one where only one is taken."""
    rest = words[place + 1 :]
    end = next((i for i, word in enumerate(rest) if word.startswith(("-", "${"))), len(rest))
    return (rest[:end] if several and end > 1 else rest[0]) if end else None


def _value(field: str, flag: str, value: str | list[str] | None) -> Any:
    value_type = value_type_of(field)
    if value is None and not isinstance(value_type, Switch):
        raise UsageError(f"command: {flag} needs a value")
    try:
        return value_type(True if value is None else value)
    except ValueError as error:
        raise UsageError(f"command: {field} {error} ({flag})") from error


def read_metric(content: Any, notices: list[Diagnostic], foreign: bool = False) -> Metric:
    """The metric; validation accuracy, as high as can be, where a file has none; by any name where it is `foreign`.

    Raises  UsageError for an unknown metric or goal, with the nearest.
    """
    if content is None:
        default = Metric(ANY_ACCURACY, foreign=True) if foreign else Metric()
        notices.append(Diagnostic(NOTE, f"there is no metric: {default.name} is maximized", f"Add {METRIC_EXAMPLE}"))
        return default
    keys = mapping(content, "metric", METRIC_EXAMPLE)
    problems = Problems()
    problems.of(check_keys, keys, ["name", "goal", "target", "impute", "impute_while_running"], "metric")
    written = problems.of(text, keys.get("name"), "metric.name") or ""
    name = written if foreign else metric_name(written)
    if written and name is None:
        near = nearest(written, [*METRICS, *USUAL])
        hint = f"; did you mean {metric_name(near)}?" if near else ""
        problems.append(UsageError(f"metric.name must be {listed(METRICS)}, got {quoted(written)}{hint}"))
    elif name and not foreign and squashed(written) not in USUAL:
        notices.append(Diagnostic(NOTE, f"metric.name: {written} is taken as {name}", f"Write {name}"))
    for key in ("impute", "impute_while_running"):
        if key in keys:
            notices.append(Diagnostic(NOTE, f"metric.{key} is ignored: a run that fails is no result"))
    goal = problems.of(word, keys["goal"], GOALS, "metric.goal") if "goal" in keys else "minimize"
    if goal and keys.get("goal", goal) not in GOALS:
        what = f"metric.goal: {keys['goal']} is taken as {goal}, which W&B would refuse"
        notices.append(Diagnostic(NOTE, what, f"Write {goal}"))
    wanted = keys.get("target")
    target = problems.of(bound, wanted, "metric.target", notices) if wanted is not None else None
    problems.refuse()
    try:
        return Metric(str(name), str(goal), target, foreign)
    except UsageError as error:
        raise UsageError(f"metric.{error}") from error


def read_stopping(content: Any, notices: list[Diagnostic]) -> Hyperband | None:
    """When runs are stopped, if they are.

    Raises  UsageError for another type than hyperband, and for rungs that do not exist.
    """
    if content is None:
        return None
    keys = dict(mapping(content, "early_terminate", STOPPING_EXAMPLE))
    problems = Problems()
    problems.of(check_keys, keys, STOPPING_KEYS, "early_terminate")
    problems.of(word, keys.get("type"), {"hyperband": ()}, "early_terminate.type")
    if "max_iter" in keys and "min_iter" in keys:
        ignored = "min_iter" if "s" in keys else "max_iter"
        keys.pop(ignored)
        other = "max_iter with s" if "s" in keys else "min_iter"
        notices.append(
            Diagnostic(NOTE, f"early_terminate.{ignored} is ignored beside {other}, as W&B does", "Give one")
        )
    if "min_iter" not in keys and not ("max_iter" in keys and "s" in keys):
        what = "early_terminate needs min_iter, or max_iter and s: such as " + STOPPING_EXAMPLE
        problems.append(UsageError(what))
    numbers: dict[str, Any] = {
        key: problems.of(whole, keys[key], f"early_terminate.{key}")
        for key in ("min_iter", "max_iter", "s")
        if key in keys
    }
    if "eta" in keys:
        numbers["eta"] = float(problems.of(bound, keys["eta"], "early_terminate.eta", notices) or 0)
    if not isinstance(keys.get("strict", False), bool):
        problems.append(UsageError(f"early_terminate.strict must be true or false, got {keys['strict']!r}"))
    problems.refuse()
    if "max_iter" in numbers and numbers["max_iter"] < numbers.get("eta", Hyperband.eta):
        what = f"early_terminate has no rungs, and stops no run: max_iter {numbers['max_iter']} / eta is below 1"
        notices.append(Diagnostic(WARNING, what, "Raise max_iter"))
        return None
    try:
        return Hyperband(**numbers, strict=keys.get("strict", False))
    except UsageError as error:
        raise UsageError(f"early_terminate {error}") from error


def read_sweep(
    source: str | Path | Mapping[str, Any],
    base: RunConfig | None = None,
    named: Mapping[str, str] = {},
    program: Program | None = None,
) -> SweepDefinition:
    """A sweep from a file in W&B's format, or a mapping of the same keys, or one of `BUNDLED`, by name.

    `base` has what the sweep leaves open: at least one configuration must be possible with it. `named` says which
    settings some names of parameters mean, as `handgrad: {map: {NAME: SETTING}}` in the file does. Where a `program` is
    run, parameters and metric are its own, and its command is that of the file.

    Raises  UsageError in one line that names the file, the key, the value and what is expected; FileSystemError.
    """
    notices: list[Diagnostic] = []
    name, content, path = content_of(source)
    if path:
        notices += read_otherwise(path, content)
    if named:
        own = content.get("handgrad") or {}
        content = {**content, "handgrad": {**own, "map": {**(own.get("map") or {}), **named}}}
    try:
        definition = _definition(content, notices, program)
        definition.sample(np.random.default_rng(0), base or RunConfig())
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return definition


def content_of(source: str | Path | Mapping[str, Any]) -> tuple[str, Mapping[str, Any], Path | None]:
    """What a sweep is called in errors, its keys, and its file, if there is one."""
    if isinstance(source, Mapping):
        return "sweep", source, None
    path = Path(os.path.expanduser(source))
    path = BUNDLED[str(source)] if str(source) in BUNDLED and not path.exists() else path
    return str(source), strict_yaml.load_mapping(path), path


def starting_preset(source: str | Path | Mapping[str, Any]) -> str:
    """The preset that a sweep starts from, as its file says; best also for a file that cannot be read."""
    try:
        return str(read_sweep(source).constants.get("preset", BEST))
    except HandgradError:  # said when the sweep is read for good
        return BEST


def _definition(
    content: Mapping[str, Any], notices: list[Diagnostic], program: Program | None = None
) -> SweepDefinition:
    """Raises  UsageError for all that is wrong with the keys and their values, at once."""
    problems, content = Problems(), _spelled(content, notices)
    fields = {key: f"parameters.{key}" for key in content if squashed(str(key)) in field_aliases()}
    problems.of(check_keys, content, KEYS, "", fields | MEANT)
    for key in ("method", "parameters"):
        if key not in content:
            what = f"{key} is missing: a sweep needs method (grid, random, design or bayes) and parameters"
            problems.append(UsageError(what))
    if "metrics" in content:
        what = "metrics asks for several goals at once, which is not done here: give one metric"
        problems.append(UsageError(what))
    problems.of(_check_ignored, content, notices, () if program else ("program",))
    method = problems.of(word, content["method"], METHODS, "method") if "method" in content else None
    if program:
        read = problems.of(read_program, content, program, notices)
        program, parameters = read or (program, {})
    else:
        parameters = _own_parameters(content, notices, problems)
    if method in ("grid", "design"):
        problems.of(_refuse_endless, parameters)
    if method == "bayes":
        what = "bayes is Optuna's tree-structured Parzen estimator here, where W&B has a Gaussian process"
        notices.append(Diagnostic(NOTE, what))
    metric = problems.of(read_metric, content.get("metric"), notices, program is not None)
    stopping = problems.of(read_stopping, content.get("early_terminate"), notices)
    name, description = (problems.of(_optional, content, key, text) for key in ("name", "description"))
    run_cap = problems.of(_optional, content, "run_cap", whole)
    problems.refuse()
    if method == "design":
        run_cap = _designed(parameters, run_cap, notices)
    return SweepDefinition(
        parameters=parameters,
        name=name,
        description=description,
        method=str(method),
        metric=metric or Metric(),
        early_terminate=stopping,
        run_cap=run_cap,
        program=program,
        notices=tuple(dict.fromkeys(notices)),
    )


def _spelled(content: Mapping[str, Any], notices: list[Diagnostic]) -> Mapping[str, Any]:
    """The content by W&B's own keys, where one is written otherwise, as run-cap; a notice says that W&B ignores it.

    A key of any other name that only holds what YAML's aliases repeat elsewhere is left out.
    """
    own = {squashed(key): key for key in KEYS}
    others = {key: own[squashed(str(key))] for key in content if key not in KEYS and squashed(str(key)) in own}
    others = {key: known for key, known in others.items() if known not in content}
    for key, known in others.items():
        notices.append(Diagnostic(NOTE, f"{key} is taken as {known}, by which alone W&B knows it", f"Write {known}"))
    repeated = {id(part) for key, value in content.items() if key in own.values() for part in _parts(value)}
    held = [
        key for key, value in content.items() if key not in (*KEYS, *others) and repeated & {*map(id, _parts(value))}
    ]
    if held:
        notices.append(Diagnostic(NOTE, f"{', '.join(held)}: taken for what is repeated elsewhere by *"))
    return {others.get(key, key): value for key, value in content.items() if key not in held}


def _parts(value: Any) -> Iterator[Any]:
    """The mappings and lists in a value, itself among them."""
    if isinstance(value, Mapping | list):
        yield value
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _parts(part)


def _designed(parameters: Mapping[str, Distribution], run_cap: int | None, notices: list[Diagnostic]) -> int:
    """How many configurations a design has; a notice says how they are chosen, and what they can tell."""
    levels = [each.size for each in parameters.values() if each.size and each.size > 1]
    size, needed = run_cap or design_size(levels), coefficients(levels)
    if size < needed:
        what = f"method design: the main effects have {needed} coefficients, which run_cap {size} cannot tell"
        raise UsageError(f"{what}: give {needed} or more, or leave it out")
    of_all = f"{min(size, math.prod(levels))} of {math.prod(levels):,} configurations"
    what = (
        f"design: {of_all}, D-optimal for the main effects of what varies ({needed} coefficients), from "
        "the sweep's seed; interactions are not estimated"
    )
    notices.append(Diagnostic(NOTE, what))
    return size


def _own_parameters(
    content: Mapping[str, Any], notices: list[Diagnostic], problems: Problems
) -> dict[str, Distribution]:
    """The parameters of runs of handgrad's own engine."""
    named = problems.of(_named, content) or {}
    found = problems.of(read_parameters, content["parameters"], notices, named) if "parameters" in content else None
    parameters = problems.of(_with_settings, content, found or {}, notices) or {}
    if Path(str(content.get("program"))).name == "train.py" and "preset" not in parameters:
        parameters["preset"] = Constant(PLAIN)
        what = f"program train.py starts from preset {PLAIN}, and so does this sweep unless --preset says otherwise"
        notices.append(Diagnostic(NOTE, what))
    return parameters


def _named(content: Mapping[str, Any]) -> dict[str, str]:
    """What `handgrad: {map: {NAME: SETTING}}` says that names of parameters mean."""
    own = content.get("handgrad") or {}
    problems = Problems()
    problems.of(check_keys, own, ["map", *own_keys()], "handgrad")
    named = {str(name): setting_name(str(setting)) for name, setting in (own.get("map") or {}).items()}
    for name, setting in named.items():
        if setting not in RunConfig.model_fields:
            problems.append(UsageError(f"handgrad.map.{name}: {setting} is no setting. {ALL['setting']}"))
    problems.refuse()
    return named


def _optional(content: Mapping[str, Any], key: str, read: Callable[[Any, str], Any]) -> Any:
    return None if content.get(key) is None else read(content[key], key)


def _check_ignored(content: Mapping[str, Any], notices: list[Diagnostic], besides: Sequence[str]) -> None:
    """A notice for each key that says nothing here; what would change the search is refused instead."""
    if content.get("kind", "sweep") != "sweep":
        raise UsageError(f"kind must be sweep, got {quoted(content['kind'])}")
    scheduler = content.get("scheduler")
    if isinstance(scheduler, Mapping) and ("source" in scheduler or "search_space" in scheduler):
        raise UsageError("scheduler names Python code with a search space of its own: write parameters instead")
    for key, reason in (IGNORED | dict.fromkeys(besides, "handgrad trains by itself")).items():
        if key in content and reason:
            notices.append(Diagnostic(NOTE, f"{key} is ignored: {reason}"))


def _with_settings(
    content: Mapping[str, Any], parameters: dict[str, Distribution], notices: list[Diagnostic]
) -> dict[str, Distribution]:
    """The parameters, and as constants what the command's own flags, the project and the entity say."""
    settings = {SETTINGS[key]: text(content[key], key) for key in SETTINGS if content.get(key) is not None}
    settings |= command_settings(content.get("command"), notices)
    twice = [field for field in settings if field in parameters and parameters[field] != Constant(settings[field])]
    if twice:
        where = "among the parameters, and in command, project or entity too"
        raise UsageError(f"{', '.join(sorted(twice))} stand{'s' * (len(twice) == 1)} {where}: leave one out")
    return parameters | {field: Constant(value) for field, value in settings.items()}


def _refuse_endless(parameters: Mapping[str, Distribution]) -> None:
    problems = Problems()
    for field, distribution in parameters.items():
        if distribution.size is None:
            why = f"{name_of(distribution)} has infinitely many values"
            what = f"{field} has no grid, for {why}: list values, or take method random or bayes"
            problems.append(UsageError(what))
    problems.refuse()
