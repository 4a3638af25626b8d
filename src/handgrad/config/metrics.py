"""The metrics of an epoch: what can be monitored, searched for and judged; and the names that people write for them.

Case, `_`, `-`, `/` and `.` of a name never matter. A bare "accuracy", "loss" or "f1" is that of the validation set.
"""

import re

METRICS = (
    *("validation_accuracy", "validation_loss", "train_accuracy", "train_loss", "test_accuracy", "test_loss"),
    *("validation_balanced_accuracy", "validation_macro_f1", "test_balanced_accuracy", "test_macro_f1"),
)
MONITORS = tuple(metric for metric in METRICS if metric.startswith("validation"))
# The words of a metric's name: of the part of the data, of what is measured, and those that say neither.
PARTS = {
    **dict.fromkeys(("val", "valid", "validation", "validate", "vali", "v", "dev"), "validation"),
    **dict.fromkeys(("eval", "evaluation", "holdout", "cv"), "validation"),
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("test", "testing", "te"), "test"),
}
USUAL_WORDS = {
    **dict.fromkeys(("acc", "accuracy", "accuracies", "accu", "accs"), "accuracy"),
    **dict.fromkeys(("loss", "losses", "error", "err", "cost"), "loss"),
}
WORDS = USUAL_WORDS | dict.fromkeys(("f1", "fscore", "fmeasure"), "macro_f1")
WORDS |= dict.fromkeys(("recall", "bacc"), "balanced_accuracy")
# Words for a loss where no other one is.
LOSSES = frozenset(("mse", "mae", "ce", "cel", "entropy", "crossentropy", "nll", "logloss"))
EQUAL_CLASSES = {"balanced", "bal", "macro"}  # of an accuracy: its mean over the classes
BESIDES = {
    *("best", "max", "maximum", "min", "minimum", "final", "last", "avg", "average", "mean", "epoch", "score", "end"),
    *("model", "overall", "highest", "lowest", "cross", "set", "data", "total", "percent", "categorical", "sparse"),
    *("rate", "pct", "per", "top", "log", "current", "running", "metric", "metrics", "value", "the", "of", "on"),
    *("classification", "multiclass", "network", "result"),
} | LOSSES
USUAL = frozenset(part + quantity for part in PARTS for quantity in USUAL_WORDS)  # names that need no note
USUAL |= {quantity + part for part in PARTS for quantity in USUAL_WORDS} | {name.replace("_", "") for name in METRICS}


def metric_name(written: str) -> str | None:
    """The metric that the words of a name mean, such as validation_accuracy for `val/max_acc`; None for another one.

    Without a word for the part, it is validation's. The recall of several classes is their mean, balanced accuracy.
    """
    written = re.sub("hold[ _/-]out", "holdout", re.sub(r"(?<![Ff])1(?!\d)", "", written))  # top1, acc@1
    words = [word.lower() for word in re.findall(r"[Ff]1|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", written)]
    glued = [re.match(f"({'|'.join(PARTS)})({'|'.join(WORDS)})$", word) for word in words]
    words = [part for word, match in zip(words, glued, strict=True) for part in (match.groups() if match else [word])]
    parts = {PARTS[word] for word in words if word in PARTS}
    quantities = {WORDS[word] for word in words if word in WORDS} or {"loss" for word in words if word in LOSSES}
    quantities = quantities or {"accuracy" for word in words if word == "top"}
    balanced = EQUAL_CLASSES.intersection(words)
    rest = {word for word in words if word not in PARTS and word not in WORDS} - BESIDES - balanced
    if rest or len(parts) > 1 or len(quantities) != 1:
        return None
    quantity = quantities.pop()
    if balanced and quantity != "macro_f1":
        quantity = f"balanced_{quantity.removeprefix('balanced_')}"
    metric = f"{next(iter(parts), 'validation')}_{quantity}"
    return metric if metric in METRICS else None


def is_share(metric: str) -> bool:
    """Whether a metric is a share from 0 to 1, of which more is better, and no loss."""
    return not metric.endswith("loss")
