"""How the training went."""

from handgrad.figures import RunData
from handgrad.reports.blocks import Section, Table, Text, number, percent
from handgrad.reports.gather import Gallery, joined
from handgrad.training.layer_watch import dead_units

MOST_ROWS = 40


def course_section(data: RunData, gallery: Gallery) -> Section:
    """Curves, then the epochs in numbers, then what went on inside the layers."""
    blocks = joined(
        gallery.pictures("loss", "accuracy", "learning_rate"),
        [_epochs_table(data)] if data.metrics.get("epochs") else [],
        gallery.pictures("activations"),
        _dead_words(data),
        gallery.pictures("gradients"),
    )
    return Section("training", "How training went", blocks)


def _dead_words(data: RunData) -> list[Text]:
    """How many units of each layer learned nothing any more at the end."""
    found = [str(each) for each in dead_units(data.history.statistics, data.network)]
    if not found:
        return []
    what = "units (of a convolution, channels) whose output lies where next to no gradient comes through, for every one"
    return [Text(f"Dead units at the end of training: {'; '.join(found)}. These are {what} of the images looked at.")]


def _epochs_table(data: RunData) -> Table:
    epochs = data.metrics["epochs"]
    every = -(-len(epochs) // MOST_ROWS)
    best = data.metrics.get("best_epoch")
    shown = [row for row in epochs if row["epoch"] % every == 0 or row["epoch"] in (1, best, len(epochs))]
    rows = [
        (
            str(row["epoch"]),
            number(row["train_loss"]),
            percent(row["train_accuracy"]),
            number(row["validation_loss"]),
            percent(row["validation_accuracy"]),
            f"{row['learning_rate']:.3g}",
            f"{row['seconds']:.2f}",
        )
        for row in shown
    ]
    caption = "Epochs; training numbers are means over an epoch, while the weights were changing"
    if best:
        caption += f". Epoch {best} was the best on validation"
    header = ("epoch", "training loss", "accuracy", "validation loss", "accuracy ", "learning rate", "seconds")
    marked = frozenset(place for place, row in enumerate(shown) if row["epoch"] == best)
    return Table(header, rows, caption, (), marked)
