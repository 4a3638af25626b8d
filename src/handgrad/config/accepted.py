"""Names that other programs have and that need no setting here: taken, and answered in a note."""

import re

from handgrad.config.lookup import inverted, shown, wording
from handgrad.errors import UsageError
from handgrad.text import squashed

SAVED = "the weights are always kept, in the run's folder"
SHOWN = "the confusion matrix and every figure of a run are always kept, in its report"
WRITTEN = "what happens is always shown, and logged into the run's folder"
KEY = "Weights & Biases takes its key from `wandb login` or $WANDB_API_KEY, not from a command that others can read"
PROCESSOR = "the hand-written engine computes on the processor; a graphics card takes --backend torch --device cuda"
TESTED = "a network is trained, validated and then tested in any case"

ACCEPTED: dict[str, tuple[str, ...]] = {
    SAVED: (*("save", "save_best", "save_final", "save_last", "checkpoint", "checkpointing", "save_run"),),
    SHOWN: (
        *("cm", "conf", "confmat", "confusion", "confusion_matrix", "conf_matrix", "roc", "curves", "metrics"),
        *("plot", "plots", "plotting", "visualize", "visualise", "viz", "show", "show_plots"),
        *("figures", "grad_log_steps", "dead_log_epochs", "num_images", "num_samples", "wandb_cm"),
    ),
    WRITTEN: (
        *(
            "v",
            "verbose",
            "verbosity",
            "log",
            "logs",
            "logging",
            "console",
            "print",
            "progress",
            "progress_bar",
            "tqdm",
        ),
        *("log_level", "quiet", "silent", "save_logs", "save_log", "csv", "debug_mode", "expt_dir"),
    ),
    KEY: ("wa", "key", "api_key", "wandb_key", "wandb_api_key", "wandb_login", "login"),
    PROCESSOR: ("gpu", "gpus", "gpu_id", "use_gpu", "cuda", "use_cuda", "mps", "cpu", "use_cpu", "pin_memory"),
    TESTED: (
        *("train", "do_train", "test", "do_test", "eval", "do_eval", "evaluate", "test_model", "run_test", "validate"),
        *("test_batch_size", "eval_batch_size", "val_batch_size", "valid_batch_size", "test_batch"),
    ),
    "one network is trained by itself; --jobs is for a sweep": (
        *("threads", "num_threads", "n_threads", "num_workers", "workers"),
    ),
    "which question of a course is answered changes no training": ("question", "q", "ques", "task", "assignment"),
    "the same seed gives the same numbers, in any case": ("deterministic", "reproducible", "cudnn_deterministic"),
    "data sets are downloaded where they are missing": ("download", "download_data"),
    "it is not kept": (
        *("tags", "tag", "wandb_tags", "run_tags", "notes", "wandb_notes", "run_notes", "comment", "job_type"),
        *("wandb_job_type", "student", "roll_no", "roll_number", "author"),
    ),
}

# A verb and things, such as plot_confusion_matrix, ask for what is kept in any case; so do a verb and a place or a
# rhythm, such as log_path or plot_every.
VERBS = (
    *("plot", "log", "show", "save", "draw", "visualize", "visualise", "print", "make", "generate", "record", "store"),
    *("dump", "export"),
)
THINGS = (
    *(
        "cm",
        "conf",
        "confmat",
        "confusion",
        "matrix",
        "roc",
        "loss",
        "losses",
        "accuracy",
        "accuracies",
        "acc",
        "curve",
    ),
    *("image", "sample", "gradient", "grad", "norm", "activation", "weight", "prediction", "pred", "history", "metric"),
    *(
        "figure",
        "plot",
        "graph",
        "result",
        "histogram",
        "dead",
        "neuron",
        "summary",
        "table",
        "example",
        "misclassified",
    ),
    *("failure", "training", "train", "validation", "val", "test", "learning", "class", "per", "lr", "time"),
)
WHERE_OR_WHEN = "(?:path|file|filename|dir|folder|prefix|name|every|freq|interval|steps|epochs)"
_ASKED = re.compile(f"(?P<verb>{'|'.join(VERBS)})(?P<things>(?:(?:{'|'.join(THINGS)})s?)*){WHERE_OR_WHEN}?")
_WEIGHTS = re.compile(
    f"(?:save|store|keep)(?:best|last|final|trained)?(?:model|weight|checkpoint|ckpt|network)s?{WHERE_OR_WHEN}?"
    "|(?:model|checkpoint|ckpt)s?(?:dir|folder|freq|every)"
)

# As above, where another value would ask for another program: the names, and the values that may stand there.
YES = ("true", "1", "yes", "on", "y", "t")
ALWAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the training images are always shuffled": (("shuffle", "shuffle_data"), YES),
    "every dense and convolutional layer has a bias": (("bias", "use_bias", "biases"), YES),
    "images are always flattened for dense layers": (("flatten",), YES),
    "labels are always taken as one-hot": (("one_hot", "one_hot_encode"), YES),
    "the penalty is L2, as strong as weight_decay; for another one give l1": (
        ("regularization", "regularizer", "reg_type", "reg", "penalty", "regularization_type"),
        ("l2", "none", "ridge"),
    ),
    "the epoch that validates best is kept; for the last one give keep last": (
        ("restore_best", "restore_best_weights", "keep_best", "save_best_only"),
        YES,
    ),
    "all test images are always used": (
        ("test_limit", "limit_test", "test_subset", "num_test", "n_test", "test_samples", "max_test_samples"),
        (),
    ),
    "images are varied by noise, shift and elastic only": (
        ("augment", "augmentation", "data_augmentation", "data_aug", "aug", "use_augmentation"),
        ("false", "0", "no", "off", "none"),
    ),
    "any gain counts for patience": (("min_delta", "early_stopping_delta", "early_stop_delta"), ("0", "0.0")),
    "the output is always a softmax": (
        ("output_activation", "out_activation", "out_act", "output_act", "output_layer_activation", "output_function"),
        ("softmax",),
    ),
}

# Where the data lie: a data set of its own where no other is named.
PLACES = frozenset({"datadir", "datapath", "dataroot", "datasetpath", "datasetdir", "datafolder", "datadirectory"})

# What the data set decides: how many numbers an image has, and how many classes there are; in one of these words, with
# any of the others.
INPUTS, CLASSES = frozenset({"input", "feature"}), frozenset({"output", "class", "label", "out"})
MEASURES = frozenset({"size", "shape", "num", "unit", "layer", "feature"})

_ACCEPTED = inverted(ACCEPTED)
_ALWAYS = inverted({said: names for said, (names, _) in ALWAYS.items()})


def answer(written: str, value: str) -> str | None:
    """What is to be said to a name that needs no setting; None for any other name.

    Raises  UsageError for a value that asks for another program.
    """
    name = squashed(written)
    if _WEIGHTS.fullmatch(name):
        return SAVED
    asked = _ASKED.fullmatch(name)
    if asked and name != asked["verb"]:
        return SHOWN if asked["things"] else SAVED if asked["verb"] in ("save", "store") else WRITTEN
    said = _ALWAYS.get(name)
    if said and value.lower() not in ALWAYS[said][1]:
        raise UsageError(f"{said}: leave out {written}, got {shown(value)}")
    return said or _ACCEPTED.get(name)


def decided_by_data(written: str) -> str | None:
    """ "inputs" or "classes", for a name of what the data set decides, such as num_classes or input_dim."""
    words = wording(written)
    if words & CLASSES and words <= CLASSES | MEASURES and words != {"label"}:
        return "classes"
    inputs = words & INPUTS and words <= INPUTS | MEASURES and words != {"feature"}
    return "inputs" if inputs or squashed(written) == "infeatures" else None
