"""Charts of scikit-learn's models: those that `wandb.plot` has are logged; of the others, that is said."""

import wandb
from wandb import plot


def plot_confusion_matrix(y_true=None, y_pred=None, labels=None, **more):
    """Counts by true and predicted class."""
    classes = [str(name) for name in labels] if labels is not None else None
    wandb.log({"confusion_matrix": plot.confusion_matrix(y_true=y_true, preds=y_pred, class_names=classes)})


def _of_probabilities(name, chart):
    def drawn(y_true=None, y_probas=None, labels=None, **more):
        wandb.log({name: chart(y_true, y_probas, labels)})

    return drawn


plot_roc = _of_probabilities("roc", plot.roc_curve)
plot_precision_recall = _of_probabilities("precision_recall", plot.pr_curve)


def __getattr__(name):
    if not name.startswith("plot_"):
        raise AttributeError(f"handgrad's stand-in for wandb has no sklearn.{name}")
    return lambda *_, **more: wandb._note(f"sklearn.{name} draws nothing here")
