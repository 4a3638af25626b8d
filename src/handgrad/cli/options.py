"""What a command takes besides the settings of a run."""

from typing import Any, NamedTuple

from handgrad.config.schema import run_name
from handgrad.config.value_types import Name, Number, Switch, Text, ValueType, Whole


class Option(NamedTuple):
    """One row: `aliases` starts with the short flag that help shows; a switch with `sets` sets another option."""

    name: str
    kind: ValueType
    help: str
    aliases: tuple[str, ...] = ()
    default: Any = None
    sets: tuple[str, str] | None = None


HELP = Option("help", Switch(), "show this help", ("h",), default=False)

CONFIG = Option(
    "config", Text(), "YAML file of settings; flags override them", ("c", "cfg", "config_file", "config_path")
)

DEBUG = Option("debug", Switch(), "show the traceback of an error", default=False)

WANDB = (
    *("wandb", "log_wandb", "enable_wandb", "wandb_log", "log_to_wandb", "wandb_logging", "wl", "is_wandb", "i_w"),
    *("wandb_enabled", "wandb_enable", "with_wandb", "track_wandb", "log_with_wandb", "wb"),
)

TRAIN: tuple[Option, ...] = (
    CONFIG,
    Option(
        "mode",
        Name("mode", ("single", "sweep")),
        "single: train once; sweep: search settings",
        ("run_mode",),
        default="single",
    ),
    Option(
        "sweep",
        Switch(),
        "short for --mode sweep",
        ("run_sweep", "start_sweep", "wandb_sweep", "do_sweep", "is_sweep"),
        default=False,
        sets=("mode", "sweep"),
    ),
    Option(
        "sweep_config",
        Text(),
        "sweep file for --mode sweep; none: the sweep of the DA6401 course",
        ("sweep_file", "sweep_yaml"),
    ),
    Option(
        "count",
        Whole(1),
        "number of trials, for --mode sweep",
        (
            "sweep_count",
            "num_runs",
            "n_runs",
            "num_trials",
            "trials",
            "n_trials",
            "sweep_runs",
            "max_runs",
            "num_sweeps",
        ),
    ),
    Option(
        "method",
        Name("method", ("grid", "random", "bayes", "gp")),
        "search method, for --mode sweep",
        ("sweep_method",),
    ),
    Option("seeds", Whole(1, 10_000), "train with this many random seeds, from --seed on", ("n_seeds", "num_seeds")),
    Option("report", Switch(), "write report.html into the run's folder at the end", default=True),
    Option("dry_run", Switch(), "print the network and an estimate of the time, and stop", default=False),
    DEBUG,
    Option("use_wandb", Switch(), "log the run to Weights & Biases", WANDB),
    Option(
        "model_save_path",
        Text(),
        "also save the weights to this file",
        ("msp", "save_path", "save_model_path", "model_save", "model_output"),
    ),
    Option(
        "config_save_path",
        Text(),
        "also save the settings to this file",
        ("save_config_path", "config_save", "save_config", "csp"),
    ),
    Option(
        "model_path",
        Text(),
        "file of weights to start from",
        ("load_model", "model_file", "load_path", "load_weights", "pretrained"),
    ),
    HELP,
)

JOBS = Option(
    "jobs",
    Whole(1, 10_000),
    "number of trials at the same time; none: one per core",
    ("j", "n_jobs", "workers", "num_workers"),
)
USE_WANDB = Option("use_wandb", Switch(), "log every trial to Weights & Biases", WANDB)
STORAGE = Option(
    "storage",
    Text(),
    "database of the trials: sqlite:///FILE, or postgresql://..., which several machines can share",
    ("db",),
)
SWEEPS_DIR = Option("sweeps_dir", Text(), "folder for the sweep folders", ("sweeps_folder",), "sweeps")

OF_RUNNING: tuple[Option, ...] = (
    Option(
        "trials", Whole(1), "total number of configurations, including those of earlier calls", ("count", "n_trials")
    ),
    Option("hours", Number("(0, inf)"), "start no new trial after this many hours", ("max_hours",)),
    JOBS,
    Option("seeds", Whole(1, 10_000), "number of random seeds for each configuration, from --seed on", ("n_seeds",)),
    Option("ray", Text(), "run trials on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT", ("ray_address",)),
    Option("report", Switch(), "write the sweep's report at the end", default=True),
)

SWEEP: tuple[Option, ...] = (
    CONFIG,
    *OF_RUNNING,
    Option("name", Text(run_name), "name of the sweep and of its folder; none: the name in the file", ("sweep_name",)),
    Option("resume", Switch(), "resume the sweep of that name, if it exists", default=False),
    Option("method", Name("method", ("grid", "random", "bayes", "gp")), "search method; none: the file's", ("search",)),
    STORAGE,
    SWEEPS_DIR,
    Option("dry_run", Switch(), "check the sweep, estimate its hours, and stop", default=False),
    USE_WANDB,
    DEBUG,
    HELP,
)
