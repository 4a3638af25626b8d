"""`handgrad crossval`."""

import textwrap
from collections import Counter
from collections.abc import Iterator

from rich.table import Column, Table

from handgrad.classical import CLASSICAL
from handgrad.cli.console import callbacks_of_one, echo_additions, echo_notes
from handgrad.cli.flags import ParsedFlags, parse_or_help
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.runs import crossval
from handgrad.runs.crossval import CLASS_MEASURES, MEASURES, CrossValidation, FoldResult, Spread
from handgrad.screen import Screen, echo

HEADS = {"accuracy": "accuracy %", "precision": "precision %", "recall": "recall %", "f1": "F1 %", "loss": "loss"}


def run_crossval(tokens: list[str]) -> int:
    """Train over folds, and print what each reached, their mean and spread, and the numbers of each class."""
    parsed = parse_or_help(tokens, "crossval")
    config, (folds, part, jobs) = _config(parsed), (parsed.options[name] for name in ("folds", "of", "jobs"))
    echo_additions(config)
    echo_notes(parsed.notes)
    echo(f"{folds} {_explained(part)}")
    echo(f"in {crossval.folder_of(config, folds, part)}")
    found = crossval.cross_validate(config, folds, part, jobs, callbacks_of_one, _print_fold)
    if found.kept:
        echo(f"{found.kept} of {folds} folds were finished before and are not run again")
    table = Table("fold", *(_right(name) for name in ("images", *HEADS.values())), box=None)
    for result in found.results:
        table.add_row(str(result.fold), f"{result.images:,}", *(_number(m, getattr(result, m)) for m in MEASURES))
    spreads = {measure: found.spread(measure) for measure in MEASURES}
    table.add_row("mean", "", *(_number(m, each and each.interval.mean) for m, each in spreads.items()))
    table.add_row("± sd", "", *(_number(m, each and each.deviation) for m, each in spreads.items()))
    table.add_row("95 % from", "", *(_number(m, each and each.interval.low) for m, each in spreads.items()))
    table.add_row("95 % to", "", *(_number(m, each and each.interval.high) for m, each in spreads.items()))
    Screen().print("", table)
    _print_classes(found)
    for line in _notes(found):
        echo(line)
    return 0


def _config(parsed: ParsedFlags) -> RunConfig:
    """Refused where the images that the model is tested on would choose its epoch; the last one is kept."""
    config = parsed.config
    if config.fold is not None:
        raise UsageError(f"crossval holds out each fold once: leave out fold, got {config.fold} (--fold)")
    if parsed.options["of"] == "train" or config.model in CLASSICAL:
        return config
    config.replaced(fold=f"test/{parsed.options['folds']}", keep=parsed.stated.get("keep", "last"))
    return config.replaced(keep="last")


def _explained(part: str) -> str:
    if part == "train":
        return "folds of the training set, each tested by a model trained on all the others"
    return "folds of the test set, all on one model, after its last epoch: no cross-validation"


def _print_fold(result: FoldResult) -> None:
    echo(f"fold {result.fold}: accuracy {100 * result.accuracy:.2f} %, macro F1 {100 * result.f1:.2f} %")


def _right(name: str) -> Column:
    return Column(HEADS.get(name, name), justify="right")


def _number(measure: str, value: float | None) -> str:
    """A share in per cent, a loss as it is; a line for what is not there."""
    if value is None:
        return "–"
    return f"{value:.4f}" if measure == "loss" else f"{100 * value:.2f}"


def _print_classes(found: CrossValidation) -> None:
    """Each class's mean and deviation over the folds, in per cent."""
    table = Table("class", *(_right(name) for name in CLASS_MEASURES), box=None)
    for label, name in enumerate(found.class_names):
        table.add_row(name, *(_mean_and_deviation(found.class_spread(label, measure)) for measure in CLASS_MEASURES))
    Screen().print("", table, "")


def _mean_and_deviation(spread: Spread) -> str:
    return f"{100 * spread.interval.mean:.2f} ± {100 * spread.deviation:.2f}"


def _notes(found: CrossValidation) -> Iterator[str]:
    """What one has to know to read the tables."""
    about = "Of each fold, precision, recall and F1 are macro averages. The interval is Student's t, for the mean over "
    if found.part == "train":
        about += "folds; as these share training images, it is rather too narrow."
    else:
        about += "folds; of one model, it says nothing about training once more."
    yield from textwrap.wrap(about, 80)
    lines = Counter(line for result in found.results for line in result.undefined)
    yield from (f"in {count} of {len(found.results)} folds: {line}" for line, count in lines.items())
    yield f"kept in {found.path}"
