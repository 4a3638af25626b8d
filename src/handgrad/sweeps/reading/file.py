"""The top level of a sweep file: W&B's keys, each used, or named as ignored."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from handgrad import strict_yaml
from handgrad.config import RunConfig
from handgrad.config.lookup import Problems, field_spellings, shown
from handgrad.config.presets import BEST, PLAIN
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import HandgradError, UsageError
from handgrad.nearest import squashed
from handgrad.sweeps.definition import METHODS, SweepDefinition
from handgrad.sweeps.metric import Metric
from handgrad.sweeps.reading.command import command_settings
from handgrad.sweeps.reading.goal import read_metric, read_stopping
from handgrad.sweeps.reading.keys import check_keys, text, whole, word
from handgrad.sweeps.reading.numbers import read_otherwise
from handgrad.sweeps.reading.parameters import read_parameters
from handgrad.sweeps.space import Constant, Distribution, name_of

BUNDLED = {"da6401": Path(__file__).parents[1] / "da6401.yaml"}
IGNORED = {
    "apiVersion": "there is one format",
    "kind": "",
    "controller": "the search runs here",
    "program": "handgrad trains by itself",
    "job": "there is no queue to take it from",
    "image_uri": "there is no container to start",
    "scheduler": "the search engine is Optuna",
}
USED = ("name", "description", "method", "metric", "parameters", "early_terminate", "run_cap")
SETTINGS = {"project": "wandb_project", "entity": "wandb_entity"}
KEYS = (*USED, *SETTINGS, "command", "metrics", *IGNORED)
MEANT = {
    "count": "run_cap",
    "trials": "run_cap",
    "max_runs": "run_cap",
    "goal": "metric",
    "hyperband": "early_terminate",
}


def read_sweep(source: str | Path | Mapping[str, Any], base: RunConfig | None = None) -> SweepDefinition:
    """A sweep from a file in W&B's format, or a mapping of the same keys, or one of `BUNDLED`, by name.

    `base` has what the sweep leaves open: at least one configuration must be possible with it.

    Raises  UsageError in one line that names the file, the key, the value and what is expected; FileSystemError.
    """
    notices: list[Diagnostic] = []
    if isinstance(source, Mapping):
        name, content = "sweep", source
    else:
        path = Path(os.path.expanduser(source))
        path = BUNDLED[str(source)] if str(source) in BUNDLED and not path.exists() else path
        name, content = str(source), strict_yaml.load_mapping(path)
        notices += read_otherwise(path, content)
    try:
        definition = _definition(content, notices)
        definition.sample(np.random.default_rng(0), base or RunConfig())
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return definition


def starting_preset(source: str | Path | Mapping[str, Any]) -> str:
    """The preset that a sweep starts from, as its file says; best also for a file that cannot be read."""
    try:
        return str(read_sweep(source).constants.get("preset", BEST))
    except HandgradError:  # said when the sweep is read for good
        return BEST


def _definition(content: Mapping[str, Any], notices: list[Diagnostic]) -> SweepDefinition:
    """Raises  UsageError for all that is wrong with the keys and their values, at once."""
    problems = Problems()
    fields = {key: f"parameters.{key}" for key in content if squashed(str(key)) in field_spellings()}
    problems.of(check_keys, content, KEYS, "", fields | MEANT)
    for key in ("method", "parameters"):
        if key not in content:
            what = f"{key} is missing: a sweep needs method (grid, random or bayes) and parameters"
            problems.append(UsageError(what))
    if "metrics" in content:
        what = "metrics asks for several goals at once, which is not done here: give one metric"
        problems.append(UsageError(what))
    problems.of(_check_ignored, content, notices)
    method = problems.of(word, content["method"], METHODS, "method") if "method" in content else None
    found = problems.of(read_parameters, content["parameters"], notices) if "parameters" in content else None
    parameters = problems.of(_with_settings, content, found or {}, notices) or {}
    if Path(str(content.get("program"))).name == "train.py" and "preset" not in parameters:
        parameters["preset"] = Constant(PLAIN)
        what = f"program train.py starts from preset {PLAIN}, and so does this sweep unless --preset says otherwise"
        notices.append(Diagnostic(NOTE, what))
    if method == "grid":
        problems.of(_refuse_endless, parameters)
    if method == "bayes":
        what = "bayes is Optuna's tree-structured Parzen estimator here, where W&B has a Gaussian process"
        notices.append(Diagnostic(NOTE, what))
    metric = problems.of(read_metric, content.get("metric"), notices)
    stopping = problems.of(read_stopping, content.get("early_terminate"), notices)
    name, description = (problems.of(_optional, content, key, text) for key in ("name", "description"))
    run_cap = problems.of(_optional, content, "run_cap", whole)
    problems.refuse()
    return SweepDefinition(
        parameters=parameters,
        name=name,
        description=description,
        method=str(method),
        metric=metric or Metric(),
        early_terminate=stopping,
        run_cap=run_cap,
        notices=tuple(dict.fromkeys(notices)),
    )


def _optional(content: Mapping[str, Any], key: str, read: Callable[[Any, str], Any]) -> Any:
    return None if content.get(key) is None else read(content[key], key)


def _check_ignored(content: Mapping[str, Any], notices: list[Diagnostic]) -> None:
    """A notice for each key that says nothing here; what would change the search is refused instead."""
    if content.get("kind", "sweep") != "sweep":
        raise UsageError(f"kind must be sweep, got {shown(content['kind'])}")
    scheduler = content.get("scheduler")
    if isinstance(scheduler, Mapping) and ("source" in scheduler or "search_space" in scheduler):
        raise UsageError("scheduler names Python code with a search space of its own: write parameters instead")
    for key, reason in IGNORED.items():
        if key in content and reason:
            notices.append(Diagnostic(NOTE, f"{key} is ignored: {reason}"))


def _with_settings(
    content: Mapping[str, Any], parameters: dict[str, Distribution], notices: list[Diagnostic]
) -> dict[str, Distribution]:
    """The parameters, and as constants what the command's own flags, the project and the entity say."""
    settings = {SETTINGS[key]: text(content[key], key) for key in SETTINGS if content.get(key) is not None}
    settings |= command_settings(content.get("command"), notices)
    twice = sorted(set(settings) & set(parameters))
    if twice:
        where = "among the parameters, and in command, project or entity too"
        raise UsageError(f"{', '.join(twice)} stand{'s' * (len(twice) == 1)} {where}: leave one out")
    return parameters | {field: Constant(value) for field, value in settings.items()}


def _refuse_endless(parameters: Mapping[str, Distribution]) -> None:
    problems = Problems()
    for field, distribution in parameters.items():
        if distribution.size is None:
            why = f"{name_of(distribution)} has no end of values"
            what = f"{field} has no grid, for {why}: list values, or take method random or bayes"
            problems.append(UsageError(what))
    problems.refuse()
