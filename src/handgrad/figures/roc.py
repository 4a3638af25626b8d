"""ROC curves: of each class of one run, and the mean over classes of several runs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad.evaluation import Curve, Roc, roc
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData, run_labels

MOST_CURVES = 12  # classes that a legend can hold; of more, the worst ones are shown
CORNERS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
LONGEST = 70  # letters of a label
MOST = 16  # lines in one figure; of more, the first ones


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
        return _points("class", zip(self.roc.class_names, self.roc.curves, strict=True))


def roc_data(data: RunData) -> RocCurves:
    """On the test images."""
    found = roc(data.predictions())
    if found.macro is None:
        raise DoesNotApplyError("all test images are of one class")
    return RocCurves(data.name, len(data.predictions().labels), found)


class RocOverlay(NamedTuple):
    """The macro-averaged ROC curve of each run."""

    curves: tuple[tuple[str, Curve], ...]

    @property
    def caption(self) -> str:
        areas = "; ".join(f"{label}: {curve.auc:.4f}" for label, curve in self.curves)
        return f"ROC curves on test images, averaged over classes (macro), of {len(self.curves)} runs. Areas: {areas}."

    @property
    def table(self) -> Table:
        """The points of every curve."""
        return _points("run", self.curves)


def _points(what: str, curves: Iterable[tuple[str, Curve | None]]) -> Table:
    def rows() -> Iterator[tuple[Any, ...]]:
        for name, curve in curves:
            if curve is None:
                yield name, None, None, None
            else:
                yield from ((name, x, y, curve.auc) for x, y in zip(curve.fpr, curve.tpr, strict=True))

    return Table((what, "false_positive_rate", "true_positive_rate", "auc"), rows())


def compare_roc_data(runs: Sequence[RunData]) -> RocOverlay:
    """Of every run.  Raises  DoesNotApplyError when no curve is defined."""
    found = [(label, roc(data.predictions()).macro) for label, data in zip(run_labels(runs), runs, strict=True)]
    curves = tuple((label, curve) for label, curve in found if curve)
    if not curves:
        raise DoesNotApplyError("all test images are of one class")
    return RocOverlay(curves)


def plot_roc(found: RocCurves) -> Any:
    """The whole square, and the corner where good curves are."""
    pairs = zip(found.roc.class_names, found.roc.curves, strict=True)
    named = sorted(((style.cut(name, 16), curve) for name, curve in pairs if curve), key=lambda pair: pair[1].auc)
    some = f", the {MOST_CURVES} least areas" if len(named) > MOST_CURVES else ""
    title = f"ROC curves on test images: each class against all others{some}\n{style.cut(found.run, 90)}"
    figure, axes = _panels(title, 4.6, named[:MOST_CURVES], found.roc.macro)
    axes[0].text(0.62, 0.56, "guessing", color=style.GREY, size=style.SMALL, rotation=38)
    style.legend_below(figure, axes[1], 3, "class, and the area below its curve (AUC)")
    return figure


def _panels(title: str, height: float, drawn: Sequence[tuple[str, Curve]], macro: Curve | None = None) -> Any:
    """The figure and its two axes, with the curves, and that of the mean."""
    figure, axes = style.grid(title, height, 1, 2)
    lines = [(label, curve, style.look(place).line) for place, (label, curve) in enumerate(drawn)]
    lines += [("mean of all (macro)", macro, {"color": style.INK, "linewidth": 2.4})] if macro else []
    for each in axes[0]:
        for label, curve, look in lines:
            each.plot(*corner_points(curve), label=f"{label}  {curve.auc:.4f}", **look)
        each.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1), ylim=(0, 1.01))
        each.set_box_aspect(1)
    axes[0, 0].plot([0, 1], [0, 1], color=style.FRAME, linewidth=0.8)
    enlarge_corner(axes[0, 1], [curve for _, curve in drawn])
    return figure, axes[0]


def enlarge_corner(axes: Any, curves: list[Curve]) -> None:
    """Show the smallest corner that has the bend of every curve in it, or else the largest one."""
    far = max(float((curve.fpr + 1 - curve.tpr).min()) for curve in curves)
    side = min((corner for corner in CORNERS if corner >= far), default=max(CORNERS))
    axes.set(xlim=(-side / 100, side), ylim=(1 - side, 1 + side / 100))
    axes.set_title(f"the upper left corner, {1 / side:g} times larger")


def corner_points(curve: Curve) -> tuple[Any, Any]:
    """At most style.MOST_POINTS points, denser where the false positive rate is small."""
    if len(curve.fpr) <= style.MOST_POINTS // 4:
        return curve.fpr, curve.tpr
    wanted = np.linspace(0, 1, style.MOST_POINTS // 4) ** 3
    kept = np.unique(np.searchsorted(curve.fpr, wanted, side="right") - 1)
    return curve.fpr[kept], curve.tpr[kept]


def plot_compare_roc(found: RocOverlay) -> Any:
    """The whole square, and the corner where good curves are."""
    title = f"ROC curves on test images, mean over classes (macro): {len(found.curves)} runs compared"
    drawn = [(style.cut(label, LONGEST), curve) for label, curve in found.curves[:MOST]]
    figure, axes = _panels(title, 4.1 + 0.19 * len(drawn), drawn)
    style.legend_below(figure, axes[1], 1, "run, and the area below its curve (AUC)")
    return figure
