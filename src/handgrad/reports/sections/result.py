"""What came out: accuracy with its interval, and the averages that a reader asks for."""

from typing import Any

from handgrad.evaluation import Summary
from handgrad.figures import RunData
from handgrad.reports.blocks import Block, Headline, Note, Section, Table, number, percent

PARTS = {"test": "test", "validation": "validation", "train": "training"}
ENDINGS = {
    "finished": "",
    "patience": "Training stopped early: validation had not improved for the number of epochs that patience allows.",
    "time limit": "Training was stopped by its time limit before the last epoch.",
    "interrupted": "Training was interrupted; the numbers are those of the network at that moment.",
    "diverged": "Training diverged; the numbers are those of the best network before.",
}


def result_section(data: RunData, summary: Summary) -> Section:
    """Accuracy on the test images first, then on all three parts, then the other metrics."""
    blocks: list[Block] = [_headline(data, summary), _parts_table(data.metrics), _metrics_table(summary)]
    ending = ENDINGS.get(str(data.metrics.get("stopped")), "")
    blocks[1:1] = [Note(text) for text in (ending, data.metrics.get("warning")) if text]
    return Section("result", "Result", blocks)


def _headline(data: RunData, summary: Summary) -> Headline:
    _, low, high, images = summary.accuracy
    return Headline(
        percent(summary.accuracy.mean),
        f"of {images:,} test images of {data.dataset.name} are classified correctly "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f}, Wilson, over images).",
    )


def _parts_table(metrics: dict[str, Any]) -> Table:
    rows = [
        (title, percent(metrics[part]["accuracy"]), number(metrics[part]["loss"]))
        for part, title in PARTS.items()
        if part in metrics
    ]
    return Table(("part", "accuracy", "loss"), rows, "Accuracy and loss of the model that was kept", ("part",))


def _metrics_table(summary: Summary) -> Table:
    classes, area = summary.classes, summary.roc.macro
    rows = [
        ("precision", percent(classes.macro.precision), percent(classes.weighted.precision)),
        ("recall", percent(classes.macro.recall), percent(classes.weighted.recall)),
        ("F1", percent(classes.macro.f1), percent(classes.weighted.f1)),
        ("area under the ROC curve", number(area.auc if area else None), "–"),
    ]
    extra = f"top-3 accuracy {percent(summary.top3)}"
    if summary.calibration:
        extra += f"; expected calibration error {percent(summary.calibration.ece)} (15 bins)"
    caption = f"Averages over classes on the test images; {extra}"
    return Table(("metric", "macro", "weighted by images"), rows, caption, ("metric",))
