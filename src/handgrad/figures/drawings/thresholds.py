"""ROC curves and the reliability diagram."""

from typing import Any

import numpy as np

from handgrad.evaluation import Curve
from handgrad.figures import style
from handgrad.figures.drawings.curves import MOST_POINTS
from handgrad.figures.numbers.thresholds import Reliability, RocCurves

MOST_CURVES = 12  # classes that a legend can hold; of more, the worst ones are shown
CORNERS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


def draw_roc(found: RocCurves) -> Any:
    """The whole square, and the corner where good curves are."""
    pairs = zip(found.roc.class_names, found.roc.curves, strict=True)
    named = sorted(((name, curve) for name, curve in pairs if curve), key=lambda pair: pair[1].auc)
    shown = named[:MOST_CURVES]
    some = f", the {MOST_CURVES} least areas" if len(named) > MOST_CURVES else ""
    title = f"ROC curves on test images: each class against all others{some}\n{style.cut(found.run, 90)}"
    figure, axes = style.grid(title, 4.6, 1, 2)
    for each in axes[0]:
        for place, (name, curve) in enumerate(shown):
            each.plot(*corner_points(curve), label=f"{style.cut(name, 16)}  {curve.auc:.4f}", **style.look(place).line)
        if found.roc.macro:
            label = f"mean of all (macro)  {found.roc.macro.auc:.4f}"
            each.plot(*corner_points(found.roc.macro), color=style.INK, linewidth=2.4, label=label)
        rate_axes(each)
    axes[0, 0].plot([0, 1], [0, 1], color=style.FRAME, linewidth=0.8)
    axes[0, 0].text(0.62, 0.56, "guessing", color="#707070", size=style.SMALL, rotation=38)
    zoom(axes[0, 1], [curve for _, curve in shown])
    style.legend_below(figure, axes[0, 1], 3, "class, and the area below its curve (AUC)")
    return figure


def draw_reliability(found: Reliability) -> Any:
    """Accuracy against confidence with the gap to the diagonal, and below it how many images a bin holds."""
    bins = found.calibration
    title = f"Reliability on test images: accuracy against confidence\n{style.cut(found.run, 90)}"
    ratios = {"height_ratios": [3, 1]}
    figure, axes = style.grid(title, 4.8, 2, 1, 5.2, sharex=True, gridspec_kw=ratios)
    top, bottom = axes[:, 0]
    filled = bins.images > 0
    left, width = 100 * bins.edges[:-1][filled], 100 * np.diff(bins.edges)[filled]
    height = 100 * bins.accuracy[filled]
    top.bar(left, height, width, align="edge", color=style.COLOURS[4], edgecolor="white", label="accuracy")
    top.plot([0, 100], [0, 100], color=style.INK, linewidth=1, linestyle=style.DASHES[1], label="as right as sure")
    points = 100 * bins.confidence[filled], height
    top.plot(*points, "o", color=style.COLOURS[1], label="mean confidence in the bin")
    top.set(ylabel="accuracy (%)", xlim=(0, 100), ylim=(0, 103))
    top.legend(loc="upper left")
    top.text(98, 4, f"expected calibration error\n{100 * bins.ece:.2f} percentage points", ha="right")
    bottom.bar(left, bins.images[filled], width, align="edge", color="#8c8c8c", edgecolor="white")
    bottom.set(xlabel="confidence: probability of the predicted class (%)", ylabel="images\n(log scale)", yscale="log")
    bottom.set_ylim(bottom=0.7)
    return figure


def rate_axes(axes: Any) -> None:
    """Names for the two rates."""
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1), ylim=(0, 1.01))
    axes.set_box_aspect(1)


def zoom(axes: Any, curves: list[Curve]) -> None:
    """Show the smallest corner that has the bend of every curve in it."""
    far = max(float((curve.fpr + 1 - curve.tpr).min()) for curve in curves)
    side = min((corner for corner in CORNERS if corner >= far), default=1.0)
    axes.set(xlim=(-side / 100, side), ylim=(1 - side, 1 + side / 100))
    axes.set_title(f"the upper left corner, {1 / side:g} times larger")


def corner_points(curve: Curve) -> tuple[Any, Any]:
    """At most MOST_POINTS points, denser where the false positive rate is small."""
    if len(curve.fpr) <= MOST_POINTS // 4:
        return curve.fpr, curve.tpr
    wanted = np.linspace(0, 1, MOST_POINTS // 4) ** 3
    kept = np.unique(np.searchsorted(curve.fpr, wanted, side="right") - 1)
    return curve.fpr[kept], curve.tpr[kept]
