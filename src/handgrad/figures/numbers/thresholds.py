"""What the scores are worth: ROC curves, and whether probabilities mean what they say."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from handgrad.evaluation import Calibration, Roc, calibration, roc
from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table


class RocCurves(NamedTuple):
    """The ROC curve of each class against all others."""

    run: str
    images: int
    roc: Roc

    @property
    def undefined(self) -> tuple[str, ...]:
        """Classes without a curve, because all images or none are of them."""
        pairs = zip(self.roc.class_names, self.roc.curves, strict=True)
        return tuple(name for name, curve in pairs if curve is None)

    @property
    def caption(self) -> str:
        """The areas below, from the worst class to the best."""
        areas = sorted((c.auc, n) for n, c in zip(self.roc.class_names, self.roc.curves, strict=True) if c)
        without = f" Undefined, without images: {', '.join(self.undefined)}." if self.undefined else ""
        macro = self.roc.macro
        return (
            f"ROC curves of {self.run} on {self.images:,} test images, each class against all others. "
            f"Area below: {macro.auc if macro else float('nan'):.4f} on average over classes (macro); least for "
            f"{areas[0][1]} ({areas[0][0]:.4f}), most for {areas[-1][1]} ({areas[-1][0]:.4f}).{without}"
        )

    @property
    def table(self) -> Table:
        """The points of every curve."""
        return Table(("class", "false_positive_rate", "true_positive_rate", "auc"), self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for name, curve in zip(self.roc.class_names, self.roc.curves, strict=True):
            if curve is None:
                yield name, None, None, None
                continue
            for x, y in zip(curve.fpr, curve.tpr, strict=True):
                yield name, x, y, curve.auc


class Reliability(NamedTuple):
    """Accuracy against confidence."""

    run: str
    calibration: Calibration

    @property
    def caption(self) -> str:
        """The expected calibration error, and to which side it errs."""
        found = self.calibration
        filled = found.images > 0
        share = found.images[filled] / found.images.sum()
        lean = float((share * (found.confidence - found.accuracy)[filled]).sum())
        return (
            f"Accuracy of {self.run} against its confidence on {found.images.sum():,} test images in "
            f"{len(found.images)} bins: expected calibration error {100 * found.ece:.2f} percentage points, "
            f"{'surer' if lean > 0 else 'less sure'} than right by {100 * abs(lean):.2f} on average."
        )

    @property
    def table(self) -> Table:
        """A row a bin."""
        found = self.calibration
        columns = ("confidence_from", "confidence_to", "images", "mean_confidence", "accuracy")
        rows = zip(found.edges[:-1], found.edges[1:], found.images, found.confidence, found.accuracy, strict=True)
        return Table(columns, rows)


def roc_curves(data: RunData) -> RocCurves:
    """On the test images."""
    found = roc(data.predictions())
    if found.macro is None:
        raise DoesNotApplyError("all test images are of one class")
    return RocCurves(data.name, len(data.predictions().labels), found)


def reliability(data: RunData) -> Reliability:
    """On the test images."""
    found = calibration(data.predictions())
    if found is None:
        raise DoesNotApplyError("its scores are no probabilities")
    return Reliability(data.name, found)
