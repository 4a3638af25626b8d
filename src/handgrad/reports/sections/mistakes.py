"""Where the network is right, where it is wrong, and how sure it was."""

from handgrad.evaluation import Summary
from handgrad.reports.blocks import Block, Note, Points, Section, Table, Text, number, percent
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
    report = summary.classes
    rows: list[tuple[str, ...]] = [
        (
            name,
            percent(report.precision[k]),
            percent(report.recall[k]),
            percent(report.f1[k]),
            number(curve.auc if curve else None),
            f"{report.support[k]:,}",
        )
        for k, (name, curve) in enumerate(zip(summary.class_names, summary.roc.curves, strict=True))
    ]
    for title, averages in (("macro average", report.macro), ("weighted average", report.weighted)):
        rows.append((title, *(percent(share) for share in averages), "", f"{summary.images:,}"))
    header = ("class", "precision", "recall", "F1", "AUC", "images")
    marked = frozenset((len(rows) - 2, len(rows) - 1))
    return Table(header, rows, "Class by class on the test images", ("class",), marked)
