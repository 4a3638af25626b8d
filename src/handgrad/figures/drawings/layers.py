"""Statistics of layers over a training."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.drawings.curves import over_iterations
from handgrad.figures.numbers.layers import Course, LayerStatistics

MOST_LINES = 10


def draw_activations(found: LayerStatistics) -> Any:
    """Mean, deviation, and the share of outputs that pass next to no gradient."""
    panels = {
        "mean": "mean output",
        "deviation": "standard deviation",
        "flat_percent": "outputs that are\nzero or saturated (%)",
    }
    figure, axes = _panels(found, "Outputs of each layer during training: layers compared", panels)
    axes[2].set_ylim(-3, 103)
    style.log_scale(axes[1], *(course.values["deviation"] for course in found.courses))
    return figure


def draw_gradients(found: LayerStatistics) -> Any:
    """Root mean square of gradients and weights; where it was recorded, the norm of the whole gradient."""
    panels = {"gradient_rms": "RMS of the gradient\n(loss per weight)", "weight_rms": "RMS of the weights\n(no unit)"}
    extra = len(found.norms) > 2
    figure, axes = _panels(found, "Gradients and weights of each layer during training: layers compared", panels, extra)
    for each, name in zip(axes, panels, strict=False):
        style.log_scale(each, *(course.values[name] for course in found.courses))
    if extra:
        look = style.ROLES["training"]
        axes[2].plot(found.norm_steps, found.norms, color=look.color, linewidth=1, marker=".", label="whole gradient")
        axes[2].set_ylabel("norm of the whole\ngradient, one batch")
        style.log_scale(axes[2], found.norms)
    return figure


def _panels(found: LayerStatistics, title: str, panels: dict[str, str], extra: bool = False) -> tuple[Any, Any]:
    """One panel above the other, the same lines in each, one legend to the right."""
    count = len(panels) + extra
    figure, axes = style.grid(f"{title}\n{style.cut(found.run, 90)}", 1.75 * count + 1.2, count, 1, sharex=True)
    shown = _chosen(found.courses)
    for each, (name, label) in zip(axes[:, 0], panels.items(), strict=False):
        for place, course in enumerate(shown):
            look = style.look(place)
            every = max(1, len(found.steps) // 12)
            each.plot(found.steps, course.values[name], label=style.cut(course.name, 20), markevery=every, **look.dots)
        each.set_ylabel(label)
    count = max(found.steps[-1], *found.norm_steps, 1)
    over_iterations(axes[0, 0], count, found.steps_per_epoch)
    axes[0, 0].set_xlabel("")
    axes[-1, 0].set_xlabel("iteration (training step)")
    axes[-1, 0].set_xlim(-0.01 * count, 1.01 * count)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    left_out = "" if len(shown) == len(found.courses) else f"\n({len(shown)} of {len(found.courses)})"
    figure.legend(handles, labels, loc="outside right upper", title=f"layer{left_out}", alignment="left")
    return figure, axes[:, 0]


def _chosen(courses: tuple[Course, ...]) -> list[Course]:
    """All of them, or MOST_LINES evenly spread from the first to the last."""
    if len(courses) <= MOST_LINES:
        return list(courses)
    return [courses[place] for place in np.linspace(0, len(courses) - 1, MOST_LINES).round().astype(int)]
