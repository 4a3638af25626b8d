"""Charts of scikit-learn's models: those that `wandb.plot` has are logged; of the others, that is said."""

import wandb
from wandb import plot


def plot_confusion_matrix(y_true=None, y_pred=None, labels=None, **more):
    classes = [str(name) for name in labels] if labels is not None else None
    wandb.log({"confusion_matrix": plot.confusion_matrix(y_true=y_true, preds=y_pred, class_names=classes)})


def plot_roc(y_true=None, y_probas=None, labels=None, **more):
    wandb.log({"roc": plot.roc_curve(y_true, y_probas, labels)})


def plot_precision_recall(y_true=None, y_probas=None, labels=None, **more):
    wandb.log({"precision_recall": plot.pr_curve(y_true, y_probas, labels)})


def __getattr__(name):
    if not name.startswith("plot_"):
        raise AttributeError(f"handgrad's stand-in for wandb has no sklearn.{name}")
    return lambda *_, **more: wandb._note(f"sklearn.{name} draws nothing here")
