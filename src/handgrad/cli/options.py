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
    "config", Text(), "YAML file of settings, which flags override", ("c", "cfg", "config_file", "config_path")
)

DEBUG = Option("debug", Switch(), "show the traceback of an error", default=False)

WANDB = (
    *("wandb", "log_wandb", "enable_wandb", "wandb_log", "log_to_wandb", "wandb_logging", "wl", "is_wandb", "i_w"),
    *("wandb_enabled", "wandb_enable", "with_wandb", "track_wandb", "log_with_wandb", "wb"),
)

TRAIN: tuple[Option, ...] = (
    CONFIG,
    Option("mode", Name("mode", ("single", "sweep")), "single: one run; sweep: many", ("run_mode",), default="single"),
    Option(
        "sweep",
        Switch(),
        "short for --mode sweep",
        ("run_sweep", "start_sweep", "wandb_sweep", "do_sweep", "is_sweep"),
        default=False,
        sets=("mode", "sweep"),
    ),
    Option(
        "sweep_config", Text(), "another sweep file than the course's, for --mode sweep", ("sweep_file", "sweep_yaml")
    ),
    Option(
        "count",
        Whole(1),
        "runs in a sweep",
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
    Option("method", Name("method", ("grid", "random", "bayes", "gp")), "search of --mode sweep", ("sweep_method",)),
    Option("seeds", Whole(1, 10_000), "train this many times, with seeds from --seed on", ("n_seeds", "num_seeds")),
    Option("report", Switch(), "write report.html into the run's folder at the end", default=True),
    Option("dry_run", Switch(), "print what would be trained, and stop", default=False),
    DEBUG,
    Option("use_wandb", Switch(), "follow the run on Weights & Biases", WANDB),
    Option(
        "model_save_path",
        Text(),
        "another file for the weights",
        ("msp", "save_path", "save_model_path", "model_save", "model_output"),
    ),
    Option(
        "config_save_path",
        Text(),
        "another file for the settings",
        ("save_config_path", "config_save", "save_config", "csp"),
    ),
    Option(
        "model_path",
        Text(),
        "weights to start from",
        ("load_model", "model_file", "load_path", "load_weights", "pretrained"),
    ),
    HELP,
)

JOBS = Option("jobs", Whole(1, 10_000), "trials at a time; none: one a core", ("j", "n_jobs", "workers", "num_workers"))
USE_WANDB = Option("use_wandb", Switch(), "follow every trial on Weights & Biases", WANDB)
STORAGE = Option("storage", Text(), "sqlite:///FILE or postgresql://..., which several machines can share", ("db",))
SWEEPS_DIR = Option("sweeps_dir", Text(), "folder that holds the folders of sweeps", ("sweeps_folder",), "sweeps")

OF_RUNNING: tuple[Option, ...] = (
    Option("trials", Whole(1), "configurations in all, counting those of an earlier start", ("count", "n_trials")),
    Option("hours", Number("(0, inf)"), "start no trial after so long", ("max_hours",)),
    JOBS,
    Option("seeds", Whole(1, 10_000), "runs of each configuration, with seeds from --seed on", ("n_seeds",)),
    Option("ray", Text(), "run trials on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT", ("ray_address",)),
    Option("report", Switch(), "write the sweep's report at the end", default=True),
)

SWEEP: tuple[Option, ...] = (
    CONFIG,
    *OF_RUNNING,
    Option("name", Text(run_name), "the sweep's folder; none: as in the file", ("sweep_name",)),
    Option("resume", Switch(), "go on with the sweep of that name, if there is one", default=False),
    Option("method", Name("method", ("grid", "random", "bayes", "gp")), "another search than the file's", ("search",)),
    STORAGE,
    SWEEPS_DIR,
    Option("dry_run", Switch(), "examine the sweep, estimate its hours, and stop", default=False),
    USE_WANDB,
    DEBUG,
    HELP,
)
