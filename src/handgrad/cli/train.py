"""`handgrad train`, and the course's train.py."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from handgrad.classical import CLASSICAL, estimate
from handgrad.cli.console import say, say_notes
from handgrad.cli.flags import ParsedFlags, parse
from handgrad.cli.help_text import help_text
from handgrad.cli.options import SWEEP
from handgrad.cli.reporting import write_report
from handgrad.cli.show import print_fit_plan, print_plan, print_result, print_seeds
from handgrad.cli.sweep import sweep
from handgrad.cli.tracked import with_wandb
from handgrad.cli.watching import watching
from handgrad.config import RunConfig, build_dataset
from handgrad.errors import UsageError
from handgrad.files import atomic_write
from handgrad.runs import Run, execute, make_trainer, prepare, prepare_classical
from handgrad.training.estimate import estimate_seconds
from handgrad.training.weights import check_suffix, save_weights

COURSE_SWEEP, COURSE_TRIALS = "da6401", 200
EXAMPLES = (
    "handgrad train --dataset digits",
    "handgrad train -a tanh -nhl 3 -sz 128 -o nadam -lr 1e-3",
    "handgrad train --config course.yaml --seeds 5",
    "handgrad train --hidden_size 256,128 --dropout 0.3 --dry_run",
    "handgrad train --layers flatten dense:64 gelu dropout:0.2 --dataset mnist",
    "handgrad train --model hog-svm --model_options C=5 gamma=0.05 --dataset mnist",
)


def run(tokens: list[str], program: str = "handgrad train", always_track: bool = False) -> int:
    """Train once, or once a seed; `always_track` is the course's front door, which follows every run on W&B."""
    parsed = parse(tokens)
    if parsed.options["help"]:
        print(help_text(program, [example.replace("handgrad train", program) for example in EXAMPLES]), end="")
        return 0
    config = with_wandb(parsed, always_track)
    if parsed.options["mode"] == "sweep":
        return _sweep(config, parsed)
    _check_paths(parsed)
    say(f"$ {config.command()}")
    say_notes(parsed.notes)
    if parsed.options["dry_run"]:
        return _dry_run(config)
    return _train(config, parsed)


def _sweep(config: RunConfig, parsed: ParsedFlags) -> int:
    """The course's sweep; what flags give does not vary in it, and --count says how many of its configurations."""
    options = {option.name: option.default for option in SWEEP}
    options |= {"trials": parsed.options["count"] or COURSE_TRIALS, "seeds": parsed.options["seeds"]}
    same = {name: parsed.options[name] for name in ("dry_run", "report")}
    return sweep(COURSE_SWEEP, ParsedFlags(config, parsed.given, options | same, parsed.notes))


def _check_paths(parsed: ParsedFlags) -> None:
    """Refuse now what could not be written after hours of training."""
    if parsed.options["model_save_path"] and parsed.config.model in CLASSICAL:
        raise UsageError(f"model {parsed.config.model} has no weights to save: leave out --model_save_path")
    if parsed.options["model_save_path"]:
        check_suffix(_path(parsed.options["model_save_path"]))
    for name in ("model_save_path", "config_save_path"):
        path = parsed.options[name]
        if path and not _path(path).parent.is_dir():
            raise UsageError(f"{name} names a folder that does not exist: {Path(path).parent} (--{name})")


def _dry_run(config: RunConfig) -> int:
    dataset = build_dataset(config)
    if config.model in CLASSICAL:
        prepared = prepare_classical(config, dataset)
        expected = estimate(prepared.model, prepared.x_train, prepared.parts.y_train, config.seed)
        print(config.to_yaml(), end="")
        print_fit_plan(prepared, expected, len(dataset.y_test))
        return 0
    trainer = make_trainer(config, dataset, prepare(config, dataset))
    print(config.to_yaml(), end="")
    print_plan(trainer, estimate_seconds(trainer))
    return 0


def _train(config: RunConfig, parsed: ParsedFlags) -> int:
    start = parsed.options["model_path"]
    runs: list[Run] = []
    for config_of_seed in _replicates(config, parsed.options["seeds"]):
        runs.append(execute(config_of_seed, watching, _path(start) if start else None))
        print_result(runs[-1])
        if parsed.options["report"]:
            write_report(runs[-1])
    if len(runs) > 1:
        print_seeds(runs)
    _save_extras(runs[-1], parsed)
    return 0


def _replicates(config: RunConfig, seeds: int | None) -> Sequence[RunConfig]:
    """One configuration a seed, from the configuration's own seed on; a given name gets the seed behind it."""
    if not seeds:
        return [config]
    several = range(config.seed, config.seed + seeds)
    names = [f"{config.name}_s_{seed}" if config.name else None for seed in several]
    return [config.replaced(seed=seed, name=name) for seed, name in zip(several, names, strict=True)]


def _save_extras(finished: Run, parsed: ParsedFlags) -> None:
    model, config = parsed.options["model_save_path"], parsed.options["config_save_path"]
    if model:
        save_weights(finished.load_model(), _path(model))
    if config:
        settings = finished.config
        text = json.dumps(settings.to_mapping(), indent=2) if config.endswith(".json") else settings.to_yaml()
        atomic_write(_path(config), text)


def _path(text: str) -> Path:
    """With ~ for the home folder; unlike Path.expanduser, it takes ~nobody as it stands."""
    return Path(os.path.expanduser(text))
