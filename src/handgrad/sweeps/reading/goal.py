"""What a sweep file wants: its metric, and when a run is stopped early."""

from typing import Any

from handgrad.config.lookup import Problems
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import UsageError
from handgrad.nearest import squashed
from handgrad.sweeps.hyperband import Hyperband
from handgrad.sweeps.metric import ASSUMED, GOALS, METRICS, Metric
from handgrad.sweeps.reading.keys import check_keys, mapping, text, whole, word
from handgrad.sweeps.reading.numbers import bound

METRIC_EXAMPLE = "{name: validation_accuracy, goal: maximize}"
STOPPING_EXAMPLE = "{type: hyperband, min_iter: 3}"
STOPPING_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")


def read_metric(content: Any, notices: list[Diagnostic]) -> Metric:
    """The metric; validation accuracy, as high as can be, where a file has none.

    Raises  UsageError for an unknown metric or goal, with the nearest.
    """
    if content is None:
        notices.append(
            Diagnostic(NOTE, "there is no metric: validation_accuracy is maximized", f"Add {METRIC_EXAMPLE}")
        )
        return Metric()
    keys = mapping(content, "metric", METRIC_EXAMPLE)
    problems = Problems()
    problems.of(check_keys, keys, ["name", "goal", "target", "impute", "impute_while_running"], "metric")
    written = problems.of(text, keys.get("name"), "metric.name") or ""
    name = problems.of(word, written, METRICS, "metric.name") if written else None
    if squashed(written) in ASSUMED:
        notices.append(Diagnostic(NOTE, f"metric.name: {written} is taken as {name}", f"Write {name}"))
    for key in ("impute", "impute_while_running"):
        if key in keys:
            notices.append(Diagnostic(NOTE, f"metric.{key} is ignored: a run that fails is no result"))
    goal = problems.of(word, keys["goal"], GOALS, "metric.goal") if "goal" in keys else "minimize"
    asked = keys.get("target")
    target = problems.of(bound, asked, "metric.target", notices) if asked is not None else None
    problems.refuse()
    try:
        return Metric(str(name), str(goal), target)
    except UsageError as error:
        raise UsageError(f"metric.{error}") from error


def read_stopping(content: Any, notices: list[Diagnostic]) -> Hyperband | None:
    """When runs are stopped, if they are.

    Raises  UsageError for another type than hyperband, and for bands that do not exist.
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
    try:
        return Hyperband(**numbers, strict=keys.get("strict", False))
    except UsageError as error:
        raise UsageError(f"early_terminate {error}") from error
