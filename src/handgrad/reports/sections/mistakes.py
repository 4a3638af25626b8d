"""Where the network is right, where it is wrong, and how sure it was."""

from handgrad.evaluation import Summary
from handgrad.evaluation.tables import class_table
from handgrad.reports.blocks import Block, Note, Points, Section, Table, Text
from handgrad.reports.gather import Gallery, joined


def mistakes_section(summary: Summary, gallery: Gallery) -> Section:
    """Confusions in words and pictures, then class by class, then confidence."""
    blocks = joined(
        _words(summary),
        gallery.pictures("confusion", "confusion_train"),
        [_class_table(summary)],
        [Note(f"Undefined: {line}.") for line in summary.classes.undefined],
        gallery.pictures("roc", "reliability", "predictions"),
    )
    return Section("mistakes", "Right and wrong", blocks)


def _words(summary: Summary) -> list[Block]:
    if not summary.confusions:
        return [Text("Not one test image was taken for another class.")]
    wrong = summary.images - round(summary.accuracy.mean * summary.images)
    most = f"The most frequent of the {wrong:,} mistakes on {summary.images:,} test images:"
    return [Text(most), Points([confusion.sentence for confusion in summary.confusions])]


def _class_table(summary: Summary) -> Table:
    _, columns, rows = class_table(summary)
    averages = frozenset((len(rows) - 2, len(rows) - 1))
    return Table(columns, rows, "Class by class on the test images", columns[:1], averages)
