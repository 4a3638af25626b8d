"""Which pixels a network's scores rest on: saliency, Grad-CAM and occlusion beside each image."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.explanation import Explanation, explain, squares
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.figures.sheets import show, titled

Array = NDArray[Any]
EACH = 2  # test images that are named rightly, drawn at random, and as many of largest loss
PURPOSE = 8  # in the key of a generator
ROW, TEXT, HEAD = 1.12, 1.7, 0.34  # inches: of an image, of the words beside it, of the names of the columns
HEADS = {
    "image": "",
    "saliency": "dark: changes the score",
    "Grad-CAM": "dark: for the class",
    "occlusion": "yellow: for, blue: against",
}


class Explained(NamedTuple):
    """An image's name, its true class where that is known, and the maps."""

    name: str
    true: str
    maps: Explanation

    @property
    def words(self) -> str:
        """What stands beside it."""
        lines = [style.cut(self.name, 24), f"for: {style.cut(self.maps.class_name, 18)}"]
        lines += [f"probability {100 * self.maps.probability:.1f} %"]
        return "\n".join([*lines, *([f"true: {style.cut(self.true, 18)}"] if self.true else [])])


class Explanations(NamedTuple):
    """What the scores of a run rest on, image by image."""

    run: str
    images: Sequence[Explained]

    @property
    def caption(self) -> str:
        first, names = self.images[0].maps, ", ".join(each.name for each in self.images)
        (height, width), _ = squares(first.occlusion.shape)
        heat = f"Grad-CAM of the {first.layer}" if first.gradcam.size else f"no Grad-CAM, for {first.layer}"
        return (
            f"What the scores of {self.run} rest on, for {names}: saliency, the size of the gradient of "
            f"the class's score (before the softmax) with respect to each pixel; {heat}; occlusion, the fall of the "
            f"score when a square of {height}×{width} pixels in the colour of the border covers a pixel: blue where it "
            "rises, yellow where it falls. Each map has its own scale."
        )

    @property
    def table(self) -> Table:
        """A row for each pixel; Grad-CAM in the image's size."""
        return Table(("image", "class", "row", "column", "saliency", "gradcam", "occlusion"), self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for name, _, maps in self.images:
            heat = maps.heat if maps.gradcam.size else np.full(maps.occlusion.shape, np.nan)
            strength = maps.strength
            for place, fall in np.ndenumerate(maps.occlusion):
                yield name, maps.class_name, *place, strength[place], heat[place], fall


def explanation_data(data: RunData) -> Explanations:
    """Of test images: some named rightly, drawn at random, then those of largest loss.

    Raises  DoesNotApplyError when the network takes no images.
    """
    if len(data.network.input_shape) == 1:
        raise DoesNotApplyError("its inputs are no images")
    predictions, (images, _) = data.predictions(), data.images("test")
    right = data.generator(PURPOSE).permutation(np.flatnonzero(predictions.right))[:EACH]
    worst = [row for row in predictions.largest_losses(2 * EACH) if row not in right][:EACH]
    called, found = predictions.class_names, list[Explained]()
    for row in [*right, *worst]:
        true = called[predictions.labels[row]]
        found.append(Explained(f"test image {row}", true, explain(data.network, images[row])))
    return Explanations(data.name, tuple(found))


def explanations(found: tuple[str, list[Explained] | Explanation]) -> Explanations:
    """Of the run of some name, what was found of some images, or of one that has no name."""
    name, images = found
    return Explanations(name, tuple(images) if isinstance(images, list) else (Explained("image", "", images),))


def plot_explanation(found: Explanations) -> Any:
    """A row an image: words, the image, and its maps."""
    heat = bool(found.images[0].maps.gradcam.size)
    heads = [head for head in HEADS if heat or head != "Grad-CAM"]
    title = f"What the scores rest on: pixels that a class's score depends on\n{found.run}"
    figure, top, height = titled(title, HEAD + ROW * len(found.images) + 0.05)
    top += HEAD
    wide = (style.WIDTH - TEXT) / 4
    for number, each in enumerate(found.images):
        low = 1 - (top + ROW * (number + 1) - 0.08) / height
        figure.text(0.012, low + (ROW - 0.16) / height, each.words, va="top", linespacing=1.25)
        for column, head in enumerate(heads):
            axes = figure.add_axes(
                ((TEXT + column * wide) / style.WIDTH, low, (ROW - 0.1) / style.WIDTH, (ROW - 0.1) / height)
            )
            _draw(axes, each.maps, head)
            if number == 0:
                axes.set_title(f"{head}\n{HEADS[head]}", pad=4, size=style.SMALL)
    return figure


def _draw(axes: Any, found: Explanation, head: str) -> None:
    """The image, or one of its maps; Grad-CAM over a pale image."""
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.5)
    picture = _pixels(found.image)
    if head == "image":
        show(axes, picture, cmap=style.INKED)
    elif head == "saliency":
        show(axes, found.strength, (0, float(found.strength.max()) or 1.0), cmap=style.ERRORS)
    elif head == "occlusion":
        most = float(np.abs(found.occlusion).max()) or 1.0
        show(axes, found.occlusion, (-most, most), cmap=style.SIGNED)
    else:
        pale = 255 - picture.mean(axis=2) if picture.ndim == 3 else picture
        show(axes, pale, cmap=style.INKED)
        show(axes, found.heat, (0, float(found.heat.max()) or 1.0), cmap=style.ERRORS, alpha=0.65)


def _pixels(image: Array) -> Array:
    """From 0 to 255; numbers that are no bytes by their own range.  Shapes  -> (H, W) or (H, W, 3)"""
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = 255 * (image - low) / ((high - low) or 1.0)
    return np.asarray(np.moveaxis(image, 0, 2) if image.ndim == 3 else image, float)
