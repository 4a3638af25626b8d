"""Weights as pictures, and the feature maps that convolutions make of an image."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.figures.sheets import GAP, MARGIN, PIXELS, Sheet, stack
from handgrad.nn import LAYERS, Network
from handgrad.nn.images import image_shape
from handgrad.text import counted

Array = NDArray[Any]
MOST_UNITS, MOST_CHANNELS, MOST_COLUMNS = 48, 16, 16
PURPOSE = 5  # purpose, in the key of a generator
ACROSS = 12
ROOM = style.WIDTH - 2 * MARGIN - 0.75  # a colour bar takes the rest


class Pictures(NamedTuple):
    """Pictures of one layer, of positive and negative numbers, with a name for each unit.

    Those `of_colours` weigh red, green and blue, and are drawn as one picture in these colours.

    Shapes  pictures (n, channels, H, W) float64
    """

    title: str
    names: tuple[str, ...]
    pictures: Array
    of_colours: bool = False

    @property
    def limit(self) -> float:
        """The largest number, of either sign."""
        return float(np.abs(self.pictures).max()) or 1.0


class Filters(NamedTuple):
    """Learned weights as pictures."""

    run: str
    what: str
    layers: tuple[Pictures, ...]

    @property
    def caption(self) -> str:
        titles = "; ".join(layer.title for layer in self.layers)
        return f"{self.what} of {self.run}: {titles}. {_scales(self.layers)}"

    @property
    def table(self) -> Table:
        """A row for each weight."""
        return _table(self.layers)


class FeatureMaps(NamedTuple):
    """What each convolution puts out for one test image.  Shapes  image (H, W) uint8"""

    run: str
    image: Array
    row: int
    name: str
    layers: tuple[Pictures, ...]

    @property
    def caption(self) -> str:
        titles = "; ".join(layer.title for layer in self.layers)
        return (
            f"Outputs of the convolutions of {self.run} for test image {self.row} ({self.name}), before the "
            f"activation: {titles}. {_scales(self.layers)}"
        )

    @property
    def table(self) -> Table:
        """A row for each pixel of each map."""
        return _table(self.layers)


def dense_filters_data(data: RunData) -> Filters:
    """The first dense layer's weights, each unit's in the shape of what it looks at.

    Raises  DoesNotApplyError when it looks at no image.
    """
    network = data.network
    layer, shape = _first_dense(network)
    weight = network.views[f"{layer}.weight"].astype(np.float64)
    pictures = weight.T.reshape(-1, *shape)
    of_colours = shape == network.input_shape
    most = MOST_UNITS if of_colours or shape[0] == 1 else MOST_COLUMNS
    kept = np.sort(np.argsort(-np.linalg.norm(weight, axis=0), kind="stable")[:most])
    last = layer == len(network.layers) - 1
    names = tuple(data.dataset.class_names[unit] if last else str(unit + 1) for unit in kept)
    count = "all" if len(kept) == len(pictures) else f"the {len(kept)} of largest norm of"
    title = f"layer {layer}, Dense: {count} {len(pictures)} units, {counted(shape[0], 'channel')}"
    title += "" if shape[0] <= MOST_CHANNELS else f", the first {MOST_CHANNELS} shown"
    drawn = Pictures(title, names, pictures[kept, :MOST_CHANNELS], of_colours)
    return Filters(data.name, "Weights of the first dense layer", (drawn,))


def conv_filters_data(data: RunData) -> Filters:
    """The kernels of each convolution.

    Raises  DoesNotApplyError when there is none.
    """
    layers = []
    for number in _convolutions(data.network):
        weight = data.network.views[f"{number}.weight"].astype(np.float64)
        filters, channels = weight.shape[:2]
        of_colours = number == 0 and channels == 3
        kept = weight[: MOST_UNITS if of_colours or channels == 1 else MOST_COLUMNS, :MOST_CHANNELS]
        cut = "" if kept.shape == weight.shape else f", {kept.shape[0]} × {kept.shape[1]} shown"
        title = f"layer {number}, Conv2D: {counted(filters, 'filter')} on {counted(channels, 'channel')}{cut}"
        layers.append(Pictures(title, tuple(str(unit + 1) for unit in range(len(kept))), kept, of_colours))
    return Filters(data.name, "Filters of the convolutions", tuple(layers))


def feature_maps_data(data: RunData) -> FeatureMaps:
    """Of one test image, drawn at random.

    Raises  DoesNotApplyError when there is no convolution.
    """
    network, numbers = data.network, _convolutions(data.network)
    images, labels = data.images("test")
    row = int(data.generator(PURPOSE).integers(len(images)))
    found = network.activations(images[row : row + 1], numbers)
    layers = []
    for number, output in found.items():
        maps = output[0, :MOST_UNITS, None].astype(np.float64)
        cut = "" if len(maps) == output.shape[1] else f", {len(maps)} shown"
        title = f"layer {number}, Conv2D: {counted(output.shape[1], 'map')} of {output.shape[2]}×{output.shape[3]}{cut}"
        layers.append(Pictures(title, tuple(str(unit + 1) for unit in range(len(maps))), maps))
    return FeatureMaps(data.name, images[row], row, data.dataset.class_names[labels[row]], tuple(layers))


def _convolutions(network: Network) -> list[int]:
    found = [number for number, layer in enumerate(network.layers) if type(layer) is LAYERS.get("conv2d")]
    if not found:
        raise DoesNotApplyError("the network has no convolution")
    return found


def _first_dense(network: Network) -> tuple[int, tuple[int, int, int]]:
    """The number of the first dense layer, and (channels, height, width) of what it looks at."""
    shape = network.input_shape
    image = shape
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        if type(layer) is LAYERS.get("dense"):
            if len(image) < 2:
                break
            return number, image_shape(image, "a dense layer")
        image = plan.output if len(plan.output) > 1 or np.prod(plan.output) != np.prod(image) else image
    raise DoesNotApplyError("no dense layer looks at an image")


def _scales(layers: tuple[Pictures, ...]) -> str:
    """What the colours mean."""
    colours = "Of red, green and blue, each is darker than grey where negative, brighter where positive."
    signs = "Blue is negative, grey zero, yellow positive, alike in a layer."
    coloured = {layer.of_colours for layer in layers}
    return " ".join([colours] * (True in coloured) + [signs] * (False in coloured))


def _table(layers: tuple[Pictures, ...]) -> Table:
    rows = (
        (layer.title.partition(":")[0], layer.names[unit], channel + 1, row, column, value)
        for layer in layers
        for (unit, channel, row, column), value in np.ndenumerate(layer.pictures)
    )
    return Table(("layer", "unit", "channel", "row", "column", "value"), rows)


def plot_filters(filters: Filters) -> Any:
    """A sheet for each layer, with one scale for all of it."""
    title = f"{filters.what}: what the units of a layer look for\n{style.cut(filters.run, 90)}"
    return stack(title, [_sheet(layer, 0.6, "weight (no unit)") for layer in filters.layers])


def plot_feature_maps(maps: FeatureMaps) -> Any:
    """The image, and below it what each convolution makes of it."""
    title = f"Feature maps of one test image: what each convolution makes of it\n{style.cut(maps.run, 90)}"
    image = Sheet(f"test image {maps.row}: {maps.name}", maps.image[None], 1, 0.95, PIXELS)
    return stack(title, [image, *(_sheet(layer, 0.95, "output (no unit)") for layer in maps.layers)])


def _sheet(layer: Pictures, largest: float, scale: str) -> Sheet:
    """A column for each unit, a row for each channel; units of one channel in several rows where they need them."""
    units, channels = layer.pictures.shape[:2]
    channels = 1 if layer.of_colours else channels
    columns = units if channels > 1 else min(units, ACROSS)
    inches = min(largest, ROOM / columns / (1 + GAP))
    named = channels == 1 and not layer.names[0].isdigit()
    texts = [style.cut(name, 11) for name in layer.names] if named else []
    heading = layer.title + (", a column for each unit, a row for each channel" if channels > 1 else "")
    if layer.of_colours:
        heading += f"; red, green and blue from -{layer.limit:.2g} to {layer.limit:.2g}, grey is 0"
        return Sheet(heading, 127.5 * (1 + layer.pictures / layer.limit), columns, inches, PIXELS, texts, int(named))
    flat = layer.pictures.swapaxes(0, 1).reshape(-1, *layer.pictures.shape[2:])
    return Sheet(heading, flat, columns, inches, (-layer.limit, layer.limit), texts, int(named), style.SIGNED, scale)
