"""Gradients of single units over the first iterations of a training."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData

Array = NDArray[Any]
MOST_LAYERS = 4


class UnitGradients(NamedTuple):
    """Norms of the gradients of a layer's first units, by layer.  Shapes  steps (n,) int; norms (n, units) each"""

    run: str
    steps: Array
    norms: dict[str, Array]

    @property
    def caption(self) -> str:
        apart = "; ".join(f"{name} {_apart(norms)}" for name, norms in self.norms.items())
        return (
            f"Norm of the gradient of the loss by the weights of single units of {self.run}, over the first "
            f"{len(self.steps)} iterations. Units of a layer whose gradients are equal stay equal. {apart}."
        )

    @property
    def table(self) -> Table:
        """A row for each iteration and unit."""
        rows = (
            (step, name, unit, norm)
            for name, norms in self.norms.items()
            for step, row in zip(self.steps, norms, strict=True)
            for unit, norm in enumerate(row)
        )
        return Table(("iteration", "layer", "unit", "gradient_norm"), rows)


def _apart(norms: Array) -> str:
    if not norms.any():
        return "all zero, so that they learn nothing"
    spread = np.ptp(norms, axis=1).max()
    return "all equal" if spread <= 1e-4 * norms.max() else f"up to {spread:.2g} apart"


def unit_gradients_data(data: RunData) -> UnitGradients:
    """Of the weights of the first layers.  Raises  DoesNotApplyError for a run that recorded none."""
    recorded = data.history.unit_gradients
    if not recorded:
        raise DoesNotApplyError("no gradients of single units are recorded: train with --log_units 50")
    layers = data.network.layers
    names = list(recorded)[:MOST_LAYERS]
    titles = {name: f"{name.partition('.')[0]} {type(layers[int(name.partition('.')[0])]).__name__}" for name in names}
    norms = {titles[name]: np.array(recorded[name]) for name in names}
    return UnitGradients(data.name, np.arange(1, len(norms[titles[names[0]]]) + 1), norms)


def plot_unit_gradients(found: UnitGradients) -> Any:
    """A panel a layer, a line a unit; lines that lie on each other differ in width."""
    rows = -(-len(found.norms) // 2)
    title = f"Gradients of single units: the first {len(found.steps)} iterations\n{style.cut(found.run, 90)}"
    figure, axes = style.grid(title, 1.9 * rows + 1.1, rows, 2, sharex=True)
    for panel in axes.flat[len(found.norms) :]:
        panel.set_axis_off()
    for panel, (name, norms) in zip(axes.flat, found.norms.items(), strict=False):
        units = norms.shape[1]
        for unit, line in enumerate(norms.T):
            look = style.look(unit).line | {"linewidth": 1.0 + 0.5 * (units - 1 - unit)}
            panel.plot(found.steps, line, label=f"unit {unit}", **look)
        panel.set_title(name, size=style.SMALL + 0.5)
        panel.set_xlabel("iteration")
        panel.set_ylabel("norm of the gradient")
        style.log_scale(panel, norms.ravel())
    style.legend_below(figure, axes[0, 0], 5)
    return figure
