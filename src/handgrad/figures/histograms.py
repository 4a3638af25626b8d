"""Histograms of each layer's outputs: before training, after the first epoch, after it; or of every epoch."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData
from handgrad.nn import Network
from handgrad.runs.execution import build_network
from handgrad.training.history import Activity
from handgrad.training.layer_statistics import BINS, dead_channels

Array = NDArray[Any]
IMAGES, MOST_LAYERS, MOST_MOMENTS = 256, 8, 6
PURPOSE = 9  # in the key of a generator
ROW = 1.35  # inches


class LayerHistogram(NamedTuple):
    """One layer's outputs at each moment; `dead` are units, or channels, that no image gets a gradient through.

    Shapes  edges (BINS + 1,); shares (moments, BINS), each row of sum 1; dead (moments,) int
    """

    name: str
    edges: Array
    shares: Array
    dead: Array
    units: int


class Histograms(NamedTuple):
    """Layers at the same moments, of the same training images."""

    run: str
    moments: tuple[str, ...]
    layers: tuple[LayerHistogram, ...]
    images: int

    @property
    def caption(self) -> str:
        dead = "; ".join(f"{each.name} {each.dead[-1]} of {each.units}" for each in self.layers)
        return (
            f"Outputs of the layers of {self.run} for {self.images} training images in evaluation mode: "
            f"{', '.join(self.moments)}. Units (of a convolution, channels) that next to no gradient comes through "
            f"for any of these images, at the end: {dead}."
        )

    @property
    def table(self) -> Table:
        """A row for each bar."""
        rows = (
            (moment, each.name, low, high, 100 * share)
            for each in self.layers
            for moment, shares in zip(self.moments, each.shares, strict=True)
            for low, high, share in zip(each.edges[:-1], each.edges[1:], shares, strict=True)
        )
        return Table(("moment", "layer", "from", "to", "percent"), rows)


def histograms_data(data: RunData) -> Histograms:
    """Of the layers that change their input in evaluation, at most MOST_LAYERS of them, evenly spread.

    A run that recorded its units has them of every epoch: at most MOST_MOMENTS, evenly spread.
    """
    layers, measured = data.network.layers, data.history.activities
    if not measured:
        return _computed(data)
    epochs = [row for row in measured if row.step % data.steps_per_epoch == 0]
    rows = style.evenly_spread(epochs, MOST_MOMENTS)
    moments = [f"epoch {row.step // data.steps_per_epoch}" if row.step else "before training" for row in rows]
    numbers = style.evenly_spread(
        [number for number in rows[0].outputs if all(number in row.outputs for row in rows)], MOST_LAYERS
    )
    found = [_recorded(layers[k], k, [row.outputs[k] for row in rows]) for k in numbers]
    return Histograms(data.name, tuple(moments), tuple(found), rows[0].images)


def _recorded(layer: Any, number: int, moments: list[Activity]) -> LayerHistogram:
    """Counts of bins that differ from moment to moment, spread over the same ones."""
    low, high = min(each.low for each in moments), max(each.high for each in moments)
    edges, shares = np.linspace(low, high, BINS + 1), []
    for each in moments:
        below = np.concatenate([[0], np.cumsum(each.counts)]) / sum(each.counts)
        shares.append(np.diff(np.interp(edges, np.linspace(each.low, each.high, len(each.counts) + 1), below)))
    dead = np.array([each.active.count(0) for each in moments])
    return LayerHistogram(f"{number} {type(layer).__name__}", edges, np.array(shares), dead, len(moments[0].active))


def _computed(data: RunData) -> Histograms:
    kept_network, rows = data.network, data.split.train_rows
    chosen = np.sort(data.generator(PURPOSE).permutation(rows)[:IMAGES])
    images, networks = data.split.x[chosen], dict[str, Network]()
    if "start" not in data.run.facts:  # its first weights follow from the seed
        networks["before training"] = build_network(data.config, data.inputs, rows)
    if data.first_network is not None:
        networks["after the first epoch"] = data.first_network
    networks["after training"] = kept_network
    layers = kept_network.layers
    kept = style.evenly_spread(kept_network.changing, MOST_LAYERS)
    found = [network.activations(images, kept) for network in networks.values()]
    return Histograms(
        data.name,
        tuple(networks),
        tuple(_layer(layers[number], number, [each[number] for each in found]) for number in kept),
        len(images),
    )


def _layer(layer: Any, number: int, moments: list[Array]) -> LayerHistogram:
    low, high = min(float(each.min()) for each in moments), max(float(each.max()) for each in moments)
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    shares = np.array([np.histogram(each, edges)[0] / each.size for each in moments])
    dead = np.array([np.count_nonzero(dead_channels(layer, each)) for each in moments])
    return LayerHistogram(f"{number} {type(layer).__name__}", edges, shares, dead, moments[0].shape[1])


def plot_histograms(found: Histograms) -> Any:
    """A panel a layer, a line a moment."""
    from matplotlib.ticker import NullLocator

    rows = -(-len(found.layers) // 2)
    title = f"Outputs of each layer: before training against after it\n{style.cut(found.run, 90)}"
    figure, axes = style.grid(title, ROW * rows + 1.1, rows, 2)
    for place, panel in enumerate(axes.flat):
        if place >= len(found.layers):
            panel.set_axis_off()
            continue
        each = found.layers[place]
        for number, (moment, shares) in enumerate(zip(found.moments, each.shares, strict=True)):
            panel.stairs(100 * shares, each.edges, label=moment, **style.look(number).line)
        dead = f": {each.dead[-1]} of {each.units} units dead at the end" if each.dead[-1] else ""
        panel.set_title(f"{each.name}{dead}", size=style.SMALL + 0.5)
        panel.set_yscale("log")
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
        panel.set_ylabel("% (log scale)" if place % 2 == 0 else "")
    axes[-1, 0].set_xlabel("output")
    style.legend_below(figure, axes[0, 0])
    return figure
