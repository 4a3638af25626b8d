"""`handgrad train`, `resume`, and the course's train.py."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from handgrad.classical import CLASSICAL, estimate
from handgrad.cli.commands import COMMANDS, Parser, examples_of, module_of
from handgrad.cli.console import callbacks, callbacks_of_one, echo_additions, echo_notes, read_dataset
from handgrad.cli.flags import ParsedFlags, parse
from handgrad.cli.options import SWEEP, help_text
from handgrad.cli.show import print_fit_plan, print_plan, print_result, print_seed, print_seeds
from handgrad.config import RunConfig, validates_on_test
from handgrad.config.presets import BEST, PLAIN
from handgrad.errors import UsageError
from handgrad.files import atomic_write
from handgrad.runs import (
    InterruptedRunError,
    Run,
    diagnose_run,
    execute,
    make_trainer,
    prepare,
    prepare_classical,
    resume,
)
from handgrad.runs.store import existing_run
from handgrad.screen import echo, working
from handgrad.training.diagnose import heed
from handgrad.training.fit import estimate_seconds
from handgrad.training.models import check_suffix, save_weights, settings_file
from handgrad.training.numpy_weights import names_in

COURSE_SWEEP, COURSE_TRIALS = "da6401", 200
ONE_FILE = ("model_save_path", "config_save_path")  # what a single run can be saved to besides its folder


def run_train(tokens: list[str], program: str = "handgrad train", course: bool = False) -> int:
    """Train once, or once a seed.

    The course's front door starts from the preset plain, and follows every run on W&B.
    """
    start = PLAIN if course else BEST
    parsed = parse(tokens, start=start)
    if parsed.options["help"]:
        examples = [example.replace("handgrad train", program) for example in examples_of("train")]
        print(help_text(program, examples, preset=start, about=COMMANDS["train"][1]), end="")
        return 0
    config = parsed.with_wandb(course)
    if parsed.options["mode"] == "sweep" or parsed.options["sweep_config"]:
        return _sweep(config, parsed)
    _check_paths(parsed)
    echo(f"$ {config.command()}")
    echo_additions(config)
    echo_notes(parsed.notes)
    if validates_on_test(config):
        echo_notes([f"fold {config.fold} validates on test images: they choose nothing, the last epoch is kept"])
    if parsed.options["count"]:
        echo("note: no effect here: count (mode single; --sweep uses it)")
    if parsed.options["dry_run"]:
        code = _dry_run(config)
        if parsed.options["seeds"]:
            echo(f"seeds: {parsed.options['seeds']}, one training each")
        return code
    return _train(config, parsed)


def run_resume(tokens: list[str]) -> int:
    """Go on with a run; the result is the same to the last bit as without the stop."""
    path = Parser("resume").arguments(tokens).run
    run = existing_run(path)
    if run.complete:
        resume(path)  # refuses settings that were edited since
        echo(f"{path} is complete: nothing to do")
        return 0
    print_result(resume(path, callbacks, dataset=read_dataset(run.config)))
    return 0


def _sweep(config: RunConfig, parsed: ParsedFlags) -> int:
    """The course's sweep; what flags give does not vary in it, and --count says how many of its configurations."""
    options = {option.name: option.default for option in SWEEP}
    options |= {"trials": parsed.options["count"] or COURSE_TRIALS, "seeds": parsed.options["seeds"]}
    same = {name: parsed.options[name] for name in ("dry_run", "report", "method")}
    idle = [name for name in (*ONE_FILE, "model_path") if parsed.options[name]]
    notes = [*parsed.notes, *([f"no effect here: {', '.join(idle)} (mode sweep)"] if idle else [])]
    file = parsed.options["sweep_config"] or COURSE_SWEEP
    found = ParsedFlags(config, parsed.stated, options | same, notes)
    return int(module_of("sweep").sweep(file, found))


def _check_paths(parsed: ParsedFlags) -> None:
    """Refuse now what could not be written after hours of training."""
    if parsed.options["model_save_path"] and parsed.config.model in CLASSICAL:
        raise UsageError(f"model {parsed.config.model} has no weights to save: leave out --model_save_path")
    if parsed.options["model_save_path"]:
        check_suffix(_path(parsed.options["model_save_path"]))
    for name in ONE_FILE:
        path, seeds = parsed.options[name], parsed.options["seeds"] or 1
        if path and seeds > 1:
            raise UsageError(
                f"{name} names one file, but {seeds} seeds are {seeds} runs, each with its own in its folder. "
                f"Leave one out (--{name}, --seeds)"
            )
        if path and not _path(path).parent.is_dir():
            raise UsageError(f"{name} names a folder that does not exist: {Path(path).parent} (--{name})")


def _dry_run(config: RunConfig) -> int:
    dataset = read_dataset(config)
    heed(diagnose_run(config, dataset))
    if config.model in CLASSICAL:
        prepared = prepare_classical(config, dataset)
        with working("timing a small fit"):
            expected = estimate(prepared.model, prepared.x_train, prepared.parts.y_train, config.seed)
        print_fit_plan(config, prepared, len(dataset.y_test), expected)
        return 0
    trainer = make_trainer(config, dataset, prepare(config, dataset))
    with working("timing some steps"):
        seconds = estimate_seconds(trainer)
    print_plan(config, trainer, len(dataset.y_test), seconds)
    return 0


def _train(config: RunConfig, parsed: ParsedFlags) -> int:
    start = parsed.options["model_path"]
    configs = _replicates(config, parsed.options["seeds"])
    runs = _seeds(configs, _path(start) if start else None)
    if len(runs) > 1:
        print_seeds(runs)
    else:
        print_result(runs[0])
    _save_extras(runs[-1], parsed)
    if parsed.options["report"]:
        module_of("report").write_report(runs)
    return 0


def _seeds(configs: Sequence[RunConfig], start: Path | None) -> list[Run]:
    """A run for each, all of one configuration; of several, a line each.

    Raises  as `execute`; a stop says which seeds are left.
    """
    several, runs = len(configs) > 1, list[Run]()
    if several:
        echo(f"{len(configs)} seeds, one after the other: a line for each")
    for config in configs:
        try:
            progress = callbacks_of_one if several else callbacks
            runs.append(execute(config, progress, start, dataset=read_dataset(config), quiet=bool(runs)))
        except InterruptedRunError as error:
            if left := configs[len(runs) + 1 :]:
                error.args = (f"{error} (seeds not begun: --seed {left[0].seed} --seeds {len(left)})",)
            raise
        if several:
            print_seed(runs[-1])
    return runs


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
        network, path = finished.load_model(), _path(model)
        save_weights(network, path)
        if path.suffix in (".npy", ".npz"):
            config = config or str(settings_file(path))
            echo(f"weights: {path}, {names_in(network)}; settings: {config}")
    if config:
        settings = finished.config
        listed = {"hidden_size": list(settings.hidden_sizes)} if settings.model == "mlp" and not settings.layers else {}
        mapping = settings.to_mapping() | listed
        text = json.dumps(mapping, indent=2) if config.endswith(".json") else settings.to_yaml()
        atomic_write(_path(config), text)


def _path(text: str) -> Path:
    """With ~ for the home folder; unlike Path.expanduser, it takes ~nobody as it stands."""
    return Path(os.path.expanduser(text))
