"""Is what the sweep makes better worth having, and is it ever measured?"""

from collections.abc import Iterator

from handgrad.data import read_fold
from handgrad.diagnostics import ERROR, WARNING, Diagnostic
from handgrad.sweeps.doctor.examination import Examination


def wrong_way(seen: Examination) -> Iterator[Diagnostic]:
    """An accuracy that is minimized, or a loss that is maximized."""
    metric = seen.definition.metric
    right = "maximize" if metric.name.endswith("accuracy") else "minimize"
    if metric.goal not in (right, "target"):
        best = "the worst networks would win"
        default = " (the default where no goal is given)" if metric.goal == "minimize" else ""
        yield Diagnostic(ERROR, f"{metric.name} is to be {metric.goal}d{default}: {best}", f"Write goal: {right}")


def tuned_on_test(seen: Examination) -> Iterator[Diagnostic]:
    """A choice by the test set, which is then no longer one."""
    metric = seen.definition.metric
    if metric.name.startswith("test"):
        what = f"{metric.name} decides: what is chosen by the test set cannot be judged by it any more"
        better = metric.name.replace("test", "validation")
        yield Diagnostic(ERROR, what, f"Write name: {better}; the test set is for the chosen ones, at the end")
    watched = next((fold for fold in seen.values("fold") if fold and not read_fold(fold).held), None)
    if watched and metric.name.startswith("validation"):
        what = f"fold {watched} validates on test images: {metric.name} would choose by them"
        yield Diagnostic(ERROR, what, "Leave out fold, or hold out folds of the training images")


def tuned_on_training(seen: Examination) -> Iterator[Diagnostic]:
    """A choice by the training set, which the largest network wins."""
    metric = seen.definition.metric
    if metric.name.startswith("train"):
        what = f"{metric.name} decides: the network that memorises best wins"
        yield Diagnostic(WARNING, what, f"Write name: {metric.name.replace('train', 'validation')}")


def never_logged(seen: Examination) -> Iterator[Diagnostic]:
    """A validation metric where some runs hold nothing out."""
    name = seen.definition.metric.name
    if name.startswith("validation") and 0 in seen.values("validation_fraction"):
        what = f"{name} is never logged where validation_fraction is 0"
        yield Diagnostic(ERROR, what, "Hold something out: validation_fraction 0.1")


def out_of_reach(seen: Examination) -> Iterator[Diagnostic]:
    """A target accuracy in per cent: accuracies go from 0 to 1."""
    metric = seen.definition.metric
    if metric.target is not None and metric.name.endswith("accuracy") and not 0 <= metric.target <= 1:
        share = metric.target / 100
        fix = f"Write target: {share:g}" if 0 <= share <= 1 else "Write a target from 0 to 1"
        yield Diagnostic(ERROR, f"target {metric.target:g} is out of reach: accuracies go from 0 to 1", fix)
