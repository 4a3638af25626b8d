"""Several runs in one figure."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.drawings.curves import thinned
from handgrad.figures.drawings.thresholds import corner_points, rate_axes, zoom
from handgrad.figures.numbers.comparison import Bars, Line, Overlay, RocOverlay
from handgrad.figures.numbers.guesses import TopGuesses

LONGEST = 70  # letters of a label
MOST = 16  # lines in one figure; of more, the first ones
POINTS = 250  # of a line: one for each point of its panel's width


def draw_overlay(found: Overlay) -> Any:
    """Training to the left, validation to the right, the same look for a configuration in both."""
    title = f"{found.quantity.capitalize()} against epoch: {len(found.training)} configurations compared"
    both = bool(found.validation)
    height = 3.4 + 0.19 * min(len(found.training), MOST)
    figure, axes = style.grid(title, height, 1, 1 + both, sharey=True)
    _lines(axes[0, 0], found.training, "training (running mean)", marked=False)
    axes[0, 0].set_ylabel(found.label)
    if both:
        _lines(axes[0, 1], found.validation, "validation", marked=True)
    if found.quantity == "loss":
        style.log_scale(axes[0, 0], *(line.mean for line in (*found.training, *found.validation)))
    style.legend_below(figure, axes[0, 0], 1)
    return figure


def draw_bars(found: Bars) -> Any:
    """A bar for each configuration with its interval, and a dot for each run; the axis begins where it must."""
    title = "Test accuracy with 95 % intervals: configurations compared"
    labels = [style.wrapped(style.cut(bar.label, 2 * LONGEST), 3.2) for bar in found.bars]
    lines = sum(max(label.count("\n") + 1, 2) for label in labels)
    figure, axes = style.new(title, 0.17 * lines + 0.14 * len(labels) + 1.15)
    lows = [low for bar in found.bars for low in (bar.interval.low, *bar.accuracies) if np.isfinite(low)]
    highs = [high for bar in found.bars for high in (bar.interval.high, *bar.accuracies) if np.isfinite(high)]
    margin = max(0.15 * (max(highs) - min(lows)), 0.5)
    start = max(0.0, np.floor(min(lows) - margin))
    for place, bar in enumerate(found.bars):
        mean, low, high, _ = bar.interval
        axes.barh(
            place, mean - start, left=start, height=0.62, color="#a9cbe3", edgecolor=style.COLOURS[0], linewidth=0.8
        )
        axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color=style.INK, capsize=4, linewidth=1.2)
        axes.plot(bar.accuracies, [place] * len(bar.accuracies), "o", color=style.COLOURS[1], markersize=3.5, zorder=5)
        axes.annotate(
            f"{mean:.2f} %  ({bar.method})",
            (max(high, *bar.accuracies), place),
            (7, 0),
            textcoords="offset points",
            va="center",
            size=style.SMALL,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(start, max(highs) + 0.45 * (max(highs) - start))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"test accuracy (%){', axis cut at ' + format(start, 'g') if start else ''}; dots: single runs")
    return figure


def draw_roc_overlay(found: RocOverlay) -> Any:
    """The whole square, and the corner where good curves are."""
    title = f"ROC curves on test images, mean over classes (macro): {len(found.curves)} runs compared"
    shown = found.curves[:MOST]
    figure, axes = style.grid(title, 4.1 + 0.19 * len(shown), 1, 2)
    for each in axes[0]:
        for place, (label, curve) in enumerate(shown):
            name = f"{style.cut(label, LONGEST)}  {curve.auc:.4f}"
            each.plot(*corner_points(curve), label=name, **style.look(place).line)
        rate_axes(each)
    axes[0, 0].plot([0, 1], [0, 1], color=style.FRAME, linewidth=0.8)
    zoom(axes[0, 1], [curve for _, curve in shown])
    style.legend_below(figure, axes[0, 1], 1, "run, and the area below its curve (AUC)")
    return figure


def draw_top_guesses(found: TopGuesses) -> Any:
    """A row for each image: the image, then each run's three likeliest classes as bars; the true one in blue."""
    runs, images = len(found.labels), len(found.rows)
    names = [style.wrapped(style.cut(label, LONGEST), 1.35 if runs > 3 else 4.8 / runs, 17) for label in found.labels]
    head = 0.18 * max(name.count("\n") + 1 for name in names)
    ratios = {"width_ratios": [1, *[2.4] * runs]}
    size = {"width": max(style.WIDTH, 1.2 + 1.7 * runs)}
    title = f"The {found.classes.shape[2]} likeliest classes of {images} test images: {runs} runs compared"
    figure, axes = style.grid(title, 0.92 * images + 0.9 + head, images, runs + 1, gridspec_kw=ratios, **size)
    for n in range(images):
        _picture(axes[n, 0], found, n)
        for run in range(runs):
            _guesses(axes[n, run + 1], found, run, n, last=n == images - 1)
    for each, name in zip(axes[0, 1:], names, strict=True):
        each.set_title(name, size=style.SMALL + 0.5)
    return figure


def _lines(axes: Any, lines: tuple[Line, ...], heading: str, marked: bool) -> None:
    for place, line in enumerate(lines[:MOST]):
        look = style.look(place)
        seeds = f" ({line.runs} seeds: mean, smallest to largest)" if line.runs > 1 else ""
        epochs, mean = thinned(line.epochs, line.mean, POINTS)
        marks = look.dots | {"markevery": max(1, len(mean) // 12)} if marked else look.line
        axes.plot(epochs, mean, label=style.cut(line.label, LONGEST) + seeds, **marks)
        if line.runs > 1:
            low, high = (thinned(line.epochs, edge, POINTS)[1] for edge in (line.low, line.high))
            axes.fill_between(epochs, low, high, color=look.color, alpha=0.18, linewidth=0)
    left_out = f", the first {MOST} of {len(lines)}" if len(lines) > MOST else ""
    axes.set_title(heading + left_out)
    axes.set_xlabel("epoch (pass over the training images)")
    axes.set_xlim(left=0)


def _picture(axes: Any, found: TopGuesses, n: int) -> None:
    axes.imshow(found.images[n], cmap=style.INKED, vmin=0, vmax=255, interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel(f"true:\n{style.cut(found.class_names[found.true[n]], 14)}", size=style.SMALL)


def _guesses(axes: Any, found: TopGuesses, run: int, n: int, last: bool) -> None:
    classes, shares = found.classes[run, n], 100 * found.probabilities[run, n]
    true = classes == found.true[n]
    colours = [style.COLOURS[0] if right else "#c9c9c9" for right in true]
    axes.barh(range(len(classes)), shares, color=colours, height=0.8)
    for place, (guess, share, right) in enumerate(zip(classes, shares, true, strict=True)):
        text = f"{style.cut(found.class_names[guess], 14)}  {share:.1f} %"
        ink = "white" if right and share > 58 else style.INK
        inside = share > 58
        axes.text(
            2 if inside else share + 2,
            place,
            text,
            va="center",
            size=style.SMALL - 0.5,
            color=ink,
            weight="bold" if right else "normal",
        )
    axes.set(xlim=(0, 100), ylim=(len(classes) - 0.4, -0.6), yticks=[])
    axes.grid(visible=False)
    axes.tick_params(labelbottom=last)
    if last:
        axes.set_xlabel("probability (%)", size=style.SMALL)
