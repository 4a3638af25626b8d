"""One configuration over several folds: a folder with a run for each, and crossval.json with what they reached.

Over folds of the training set, each fold is predicted by a model that was trained on all the others. Over folds of the
test set there is one model, and as many estimates of its accuracy: no cross-validation in the strict sense.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import stdev
from typing import Any, NamedTuple

from handgrad.config import RunConfig, build_dataset
from handgrad.config.describe import folder_of_name
from handgrad.config.schema import filled
from handgrad.data import Dataset, folds_of_test, hold_fold, kfold, read_fold
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.evaluation import Interval, Predictions, class_report, mean_interval, mean_share
from handgrad.files import LOCK, new_folder, read_file, write_object
from handgrad.runs.classical import loss_of
from handgrad.runs.execution import CallbackMaker, diagnose_run, no_callbacks
from handgrad.runs.executor.local import complete_all
from handgrad.runs.executor.protocol import Ended, Reporter, Task, error_of
from handgrad.runs.executor.worker import ProgressReports, complete_run, run_of
from handgrad.runs.interruption import InterruptedRunError, stopped_among
from handgrad.runs.predictions import predictions_of
from handgrad.runs.store import Run
from handgrad.training.diagnose import heed

FILE, FORMAT = "crossval.json", 1
MEASURES = ("accuracy", "precision", "recall", "f1", "loss")
CLASS_MEASURES = ("precision", "recall", "f1")
# What may change between two sessions on one folder.
FREE = (*("preset", "runs_dir", "name", "track", "wandb_project", "wandb_entity", "wandb_mode", "checkpoint_seconds"),)


class FoldResult(NamedTuple):
    """What was reached on one fold; precision, recall and F1 are macro averages, `classes` has them for each class.

    `undefined` says what stands as 0 because it has nothing to be a share of; `loss` is None without probabilities.
    """

    fold: int
    run: str
    images: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    loss: float | None
    classes: list[list[float]]
    undefined: list[str]


class Spread(NamedTuple):
    """Deviation over folds, and their mean with its 95 % interval by Student's t."""

    deviation: float
    interval: Interval


class CrossValidation(NamedTuple):
    """The folds of one configuration; `part` is "train" or "test", `kept` of them were there already."""

    path: Path
    part: str
    class_names: tuple[str, ...]
    results: tuple[FoldResult, ...]
    kept: int

    def spread(self, measure: str) -> Spread | None:
        """Over all folds; None for a measure that one of them lacks."""
        values = [getattr(result, measure) for result in self.results]
        if None in values:
            return None
        return Spread(stdev(values), mean_interval(values) if measure == "loss" else mean_share(values))

    def class_spread(self, label: int, measure: str) -> Spread:
        """Of one class's precision, recall or f1; an undefined one counts as 0."""
        values = [result.classes[label][CLASS_MEASURES.index(measure)] for result in self.results]
        return Spread(stdev(values), mean_share(values))


def cross_validate(
    config: RunConfig,
    folds: int,
    part: str = "train",
    jobs: int = 1,
    callbacks: CallbackMaker = no_callbacks,
    report: Callable[[FoldResult], None] = lambda result: None,
) -> CrossValidation:
    """Train and test over all folds, `jobs` at a time; what is finished in the folder is not run again.

    Raises  UsageError when there are too many folds, or the folder holds something else; as `execute`.
    """
    dataset = build_dataset(config)
    kfold(dataset.y_train if part == "train" else dataset.y_test, folds, config.seed)  # refuses what cannot be
    path = folder_of(config, folds, part)
    configs = fold_configs(config, path, folds, part)
    _heed_diagnoses(configs, dataset)
    settings = {name: value for name, value in filled(config).items() if name not in FREE}
    plan = {"format": FORMAT, "of": part, "folds": folds, "data": dataset.fingerprint, "config": settings}
    results = _open(path, plan)
    kept = len(results)
    missing = [number for number in range(1, folds + 1) if number not in results]
    if part == "train":
        configs = [configs[number - 1] for number in missing]
    for place, run in _complete_runs(configs if missing else [], jobs, callbacks):
        whole = predictions_of(run)
        found = {missing[place]: whole} if part == "train" else _cut(whole, dataset, folds, config.seed)
        for number, predictions in found.items():
            results[number] = _result(number, run, predictions)
            _write(path, plan, results)
            report(results[number])
    ordered = tuple(results[number] for number in sorted(results))
    return CrossValidation(path, part, dataset.class_names, ordered, kept)


def _complete_runs(configs: Sequence[RunConfig], jobs: int, callbacks: CallbackMaker) -> Iterator[tuple[int, Run]]:
    """Each run with its place among `configs`, as they get finished; with several jobs, without `callbacks`.

    Raises  UsageError when a folder holds a run of other settings; as `complete_run`.
    """
    for config in configs:
        run = run_of(config)
        if os.path.lexists(run.config_file) and run.config != config:
            raise UsageError(f"{run.path} is a run of other settings: choose another --name")
    if jobs == 1 or len(configs) < 2:
        for place, config in enumerate(configs):
            try:
                run = complete_run(config, callbacks)
            except InterruptedRunError as error:
                raise stopped_among(place, len(configs), error.exit_code - 128, error.at_once) from None
            yield place, run
        return
    tasks = [Task(place, config.to_mapping(), {}) for place, config in enumerate(configs)]
    for ended in complete_all(f"{__name__}:run_fold", tasks, jobs):
        if ended.exit_code:
            raise error_of(ended.message, ended.exit_code)
        yield ended.number, run_of(configs[ended.number])


def run_fold(task: Task, reporter: Reporter) -> Ended:
    """Train or continue the run of a task, in a worker.  Raises  as `complete_run`."""
    complete_run(RunConfig(**task.config), lambda *_: [ProgressReports(task.number, reporter)])
    return Ended(task.number, "finished")


def _heed_diagnoses(configs: Sequence[RunConfig], dataset: Dataset) -> None:
    """Log the first fold's warnings for all.  Raises  UsageError when one of the folds cannot be trained."""
    for place, config in enumerate(configs):
        fold = read_fold(str(config.fold))
        heed(diagnose_run(config, hold_fold(dataset, fold, config.seed) if fold.held else dataset), quiet=place > 0)


def folder_of(config: RunConfig, folds: int, part: str) -> Path:
    """Where the runs go: the same command finds them again."""
    name = (
        folder_of_name(config.name)
        if config.name
        else f"{config.auto_name()}_{'cv' if part == 'train' else 'test'}_{folds}"
    )
    return Path(os.path.expanduser(config.runs_dir)) / name


def fold_configs(config: RunConfig, path: Path, folds: int, part: str) -> list[RunConfig]:
    """What is trained: a run for each fold of the training set, or a single one."""
    names = {f"fold_{number}": f"{number}/{folds}" for number in range(1, folds + 1)}
    names = names if part == "train" else {"model": f"test/{folds}"}
    return [config.replaced(fold=fold, name=name, runs_dir=str(path)) for name, fold in names.items()]


def _open(path: Path, plan: dict[str, Any]) -> dict[int, FoldResult]:
    """What is finished already; a new folder when there is none.

    Raises  UsageError when the folder is of something else; CorruptDataError, FileSystemError.
    """
    file = path / FILE
    if not os.path.lexists(file):
        try:
            made = new_folder(path.parent, [path.name], lambda folder: _write(folder, plan, {}))
        except OSError as error:
            raise FileSystemError(f"cannot make {path}: {error.strerror}. Choose another --runs_dir") from error
        if made is None:
            raise UsageError(f"{path} exists and holds no {FILE}: choose another --name")
        (path / LOCK).unlink()  # each fold's run has its own
        os.close(made[1])
        return {}
    try:
        content = json.loads(read_file(file))
        results = {entry["fold"]: FoldResult(**entry) for entry in content.pop("results")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptDataError(f"cannot read {file}: {error!r}. Remove it, or choose another --name") from error
    # JSON has no tuples: the plan is compared as it would be written.
    if {name: value for name, value in content.items() if name != "summary"} != json.loads(json.dumps(plan)):
        raise UsageError(f"{path} holds folds of other settings or data: choose another --name")
    return results


def _write(path: Path, plan: dict[str, Any], results: dict[int, FoldResult]) -> None:
    entries = [results[number]._asdict() for number in sorted(results)]
    write_object(path / FILE, {**plan, "results": entries})


def _cut(whole: Predictions, dataset: Dataset, folds: int, seed: int) -> dict[int, Predictions]:
    """One model's predictions of the test set, fold by fold."""
    rows = folds_of_test(dataset, folds, seed)
    return {n: whole._replace(scores=whole.scores[each], labels=whole.labels[each]) for n, each in enumerate(rows, 1)}


def _result(number: int, run: Run, predictions: Predictions) -> FoldResult:
    scores = class_report(predictions)
    classes = zip(scores.precision.tolist(), scores.recall.tolist(), scores.f1.tolist(), strict=True)
    return FoldResult(
        number,
        run.name,
        len(predictions.labels),
        float(predictions.right.mean()),
        *scores.macro,
        loss_of(predictions),
        [list(each) for each in classes],
        list(scores.undefined),
    )
