"""Outputs, gradients and weights of each layer during training."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.training.history import Statistics

Array = NDArray[Any]
MOST_LINES = 10


class Series(NamedTuple):
    """Numbers of one layer or parameter at every measured step, by what they are.  Shapes  values: (steps,) each"""

    name: str
    values: dict[str, Array]


class LayerStatistics(NamedTuple):
    """Series of all layers, from the input on; `norms` is the norm of the whole gradient at `norm_steps`.

    Shapes  steps (n,) int; norm_steps, norms (m,)
    """

    run: str
    what: str
    steps: Array
    series: tuple[Series, ...]
    norm_steps: Array
    norms: Array
    steps_per_epoch: int

    @property
    def caption(self) -> str:
        names = ", ".join(one.name for one in self.series)
        return (
            f"{self.what} of {self.run} measured {len(self.steps)} times, from step {self.steps[0]:,} to "
            f"{self.steps[-1]:,}, always on the same few training images in evaluation mode: {names}."
        )

    @property
    def table(self) -> Table:
        """A row for each step and layer."""
        rows = (
            (step, one.name, *(values[place] for values in one.values.values()))
            for place, step in enumerate(self.steps)
            for one in self.series
        )
        return Table(("iteration", "layer", *self.series[0].values), rows)


def activations_data(data: RunData) -> LayerStatistics:
    """Of the outputs of each layer that changes them in evaluation."""
    measured, layers = _measured(data), data.network.layers
    kept = [number for number in measured[0].outputs if not layers[number].passes_through]
    series = []
    for number in kept:
        table = np.array([statistics.outputs[number] for statistics in measured], float).reshape(-1, 4)
        shares = {"flat_percent": 100 * table[:, 2], "dead_percent": 100 * table[:, 3]}
        values = {"mean": table[:, 0], "deviation": table[:, 1], **shares}
        series.append(Series(f"{number} {type(layers[number]).__name__}", values))
    return _together(data, "Outputs of the layers", measured, series)


def gradients_data(data: RunData) -> LayerStatistics:
    """Of the weights of each layer, and of the loss's gradient with respect to them."""
    measured, network = _measured(data), data.network
    series = []
    for slot in network.parameter_slots:
        if slot.part.penalised:
            table = np.array([statistics.parameters[slot.name] for statistics in measured], float).reshape(-1, 3)
            label = f"{slot.layer} {type(network.layers[slot.layer]).__name__}"
            values = {"gradient_rms": table[:, 1], "weight_rms": table[:, 0], "symmetry": table[:, 2]}
            series.append(Series(label, values))
    return _together(data, "Gradients and weights of the layers", measured, series)


def _measured(data: RunData) -> list[Statistics]:
    """Raises  DoesNotApplyError when nobody measured, as in runs of older versions."""
    if not data.history.statistics:
        raise DoesNotApplyError("its layers were not measured while it was trained")
    return data.history.statistics


def _together(data: RunData, what: str, measured: list[Statistics], series: list[Series]) -> LayerStatistics:
    norms = data.history.gradient_norms
    steps = np.array([statistics.step for statistics in measured])
    return LayerStatistics(
        data.name, what, steps, tuple(series), np.array(list(norms), int), np.array(list(norms.values()), float),
        data.steps_per_epoch,
    )  # fmt: skip


def plot_activations(found: LayerStatistics) -> Any:
    """Mean, deviation, and the share of outputs that pass next to no gradient."""
    panels = {
        "mean": "mean output",
        "deviation": "standard deviation",
        "flat_percent": "outputs that are\nzero or saturated (%)",
    }
    figure, axes = _panels(found, "Outputs of each layer during training: layers compared", panels)
    axes[2].set_ylim(-3, 103)
    style.log_scale(axes[1], *(one.values["deviation"] for one in found.series))
    return figure


def plot_gradients(found: LayerStatistics) -> Any:
    """Root mean square of gradients and weights, how alike units are; where it was recorded, the whole gradient."""
    panels = {"gradient_rms": "RMS of the gradient\n(loss per weight)", "weight_rms": "RMS of the weights\n(no unit)"}
    panels |= {"symmetry": "symmetry of units\n(1: all equal)"}
    extra = len(found.norms) > 2
    figure, axes = _panels(found, "Gradients and weights of each layer during training: layers compared", panels, extra)
    for each, name in zip(axes, panels, strict=False):
        style.log_scale(each, *(one.values[name] for one in found.series))
    if extra:
        look = style.ROLES["training"]
        axes[3].plot(found.norm_steps, found.norms, color=look.color, linewidth=1, marker=".", label="whole gradient")
        axes[3].set_ylabel("norm of the whole\ngradient, one batch")
        style.log_scale(axes[3], found.norms)
    return figure


def _panels(found: LayerStatistics, title: str, panels: dict[str, str], extra: bool = False) -> tuple[Any, Any]:
    """One panel above the other, the same lines in each, one legend to the right."""
    count = len(panels) + extra
    figure, axes = style.grid(f"{title}\n{style.cut(found.run, 90)}", 1.75 * count + 1.2, count, 1, sharex=True)
    drawn = style.evenly_spread(found.series, MOST_LINES)
    for each, (name, label) in zip(axes[:, 0], panels.items(), strict=False):
        for place, one in enumerate(drawn):
            look = style.look(place)
            every = max(1, len(found.steps) // 12)
            each.plot(found.steps, one.values[name], label=style.cut(one.name, 20), markevery=every, **look.dots)
        each.set_ylabel(label)
    count = max(found.steps[-1], *found.norm_steps, 1)
    style.over_iterations(axes[0, 0], count, found.steps_per_epoch)
    axes[0, 0].set_xlabel("")
    axes[-1, 0].set_xlabel("iteration (training step)")
    axes[-1, 0].set_xlim(-0.01 * count, 1.01 * count)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    left_out = "" if len(drawn) == len(found.series) else f"\n({len(drawn)} of {len(found.series)})"
    figure.legend(handles, labels, loc="outside right upper", title=f"layer{left_out}", alignment="left")
    return figure, axes[:, 0]
