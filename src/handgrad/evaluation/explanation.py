"""Which pixels a score for a class rests on: saliency, Grad-CAM and occlusion; and the most similar training images.

The score of a class is the last layer's output for it, before the softmax.
"""

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import UsageError
from handgrad.evaluation.predictions import of_length_one
from handgrad.nn import Network
from handgrad.nn.images import image_shape
from handgrad.nn.layout import outputs
from handgrad.text import nearest, squashed

Array = NDArray[Any]
WINDOWS = 7  # the square that covers pixels is a seventh of the image's side, and moves by half of that
MOST_NUMBERS = 1 << 24  # kept of all images together: 64 MB
NEAREST = 8  # that are shown
MOST_MULTIPLICATIONS = 10**11  # for all images together: some seconds


class Backward(NamedTuple):
    """What one pass forward and one backward give of some images.

    Shapes  logits (N, K); input (N, *input_shape): d score / d input; outputs, gradients: of each layer, (N, *output)
    """

    logits: Array
    input: Array
    outputs: list[Array]
    gradients: list[Array]


class Explanation(NamedTuple):
    """Of one image and one class; `layer` is the one whose output Grad-CAM weighs, or why there is no Grad-CAM.

    Shapes  image, saliency (H, W) or (C, H, W); occlusion (H, W); gradcam (h, w) of the layer's output, (0, 0) if none
    """

    image: Array
    target: int
    score: float
    probability: float
    saliency: Array
    gradcam: Array
    occlusion: Array
    layer: str
    class_name: str

    @property
    def strength(self) -> Array:
        """How much the score changes with each pixel, of colours the one of most change.  Shapes  -> (H, W)"""
        return strength(self.saliency)

    @property
    def heat(self) -> Array:
        """Grad-CAM in the image's size, bilinear.  Shapes  -> (H, W)"""
        size = zip(self.occlusion.shape, self.gradcam.shape, strict=True)
        factors = [whole / part for whole, part in size]
        return np.asarray(scipy.ndimage.zoom(self.gradcam, factors, order=1, mode="nearest", grid_mode=True))

    def plot(self) -> Any:
        """A Matplotlib figure of the image and its maps."""
        # Figures are made from results: their room, above this one, is loaded when it is first wanted.
        return import_module("handgrad.figures.of_run").figure_of("explanation", self)


def explain(network: Network, image: Any, target: int | str | None = None) -> Explanation:
    """Which pixels of one image a network's score for a class rests on: saliency, Grad-CAM and occlusion.

    `target` is the class, by its number or its name; by default the one that the network takes the image for. Whole
    numbers are scaled as pixels, floats enter as they are. `plot()` of the result draws the maps.

    Shapes  image (*input_shape)
    Raises  UsageError when the network takes no images, the image has another shape, or there is no such class.
    """
    if len(network.input_shape) not in (2, 3):
        raise UsageError(f"the network takes {network.input_shape[0]} numbers and no image: no pixels explain it")
    image = np.asarray(image)
    chosen = None if target is None else class_number(target, network)
    images = image[None]
    probabilities = network.predict_proba(images)[0]
    target = int(probabilities.argmax()) if chosen is None else chosen
    found = backward(network, images, np.array([target]))
    number = gradcam_layer(network)
    heat = np.zeros((0, 0)) if number is None else gradcam(found.outputs[number], found.gradients[number])[0]
    name = "" if number is None else type(network.layers[number]).__name__
    layer = "the network has no convolution" if number is None else f"output of layer {number}, {name}"
    score, probability = float(found.logits[0, target]), float(probabilities[target])
    maps = saliency(network, image, found), heat, occlusion(network, image, target, score)
    called = network.class_names[target] if network.class_names else str(target)
    return Explanation(image, target, score, probability, *maps, layer, called)


def class_number(word: int | str, network: Network) -> int:
    """Of a class given by its name, in any case, or by its number."""
    names = network.class_names or tuple(map(str, range(network.classes)))
    if not isinstance(word, str):
        number = int(word)
    elif word in names:
        number = names.index(word)
    else:
        alike = [number for number, name in enumerate(names) if squashed(name) == squashed(word)]
        number = alike[0] if alike else int(word) if word.isdecimal() else -1
    if 0 <= number < network.classes:
        return number
    near = nearest(str(word), names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
    raise UsageError(f"there is no class {word!r}: {hint} (--class; their numbers are 0 to {len(names) - 1})")


def saliency(network: Network, image: Array, found: Backward) -> Array:
    """d score / d pixel, with the whole range of pixels as the unit.  Shapes  image, the first of `found` -> the same

    Math    a byte enters as scale * pixel + shift, so that the slope is 255 * scale
    """
    slope = 255 * np.asarray(network.scaling.scale) if image.dtype.kind in "bui" else np.ones(())
    return np.asarray(found.input[0] * (slope[:, None, None] if slope.ndim else slope))


def strength(slopes: Array) -> Array:
    """How much the score changes with each pixel.  Shapes  (H, W) or (C, H, W) -> (H, W)"""
    magnitude = np.abs(slopes)
    return np.asarray(magnitude.max(axis=0) if magnitude.ndim == 3 else magnitude)


def backward(network: Network, images: Array, targets: Array) -> Backward:
    """The gradient of each image's score for its class, in evaluation mode; the network is not changed.

    Shapes  images (N, *input_shape) uint8 or float; targets (N,) int in [0, K)
    Ref     Simonyan, Vedaldi & Zisserman (2014), Deep inside convolutional networks, section 3
    """
    rows, program = len(images), network.program(len(images))
    table = program.table.copy()
    table["dx_size"] = table["x_size"]  # down to the input, where training stops at the first parameter
    program = program._replace(table=table, first=0, gradients=np.zeros_like(network.gradients))
    logits = np.empty((rows, network.classes), network.dtype)
    kernels.driver.evaluate_rows(program, network.batches(images, size=rows), logits)
    start = table["dy_start"][-1]
    program.dactivations[start : start + logits.size] = np.eye(network.classes)[targets].ravel()
    kernels.driver.backward(program, rows)
    entered = program.dactivations[table["dx_start"][0] :][: rows * table["x_size"][0]]
    found = [output.copy() for output in outputs(network, program, rows)]
    table["y_start"] = table["dy_start"]
    gradients = outputs(network, program._replace(activations=program.dactivations), rows)
    return Backward(
        logits, entered.reshape(rows, *network.input_shape).copy(), found, [each.copy() for each in gradients]
    )


def gradcam_layer(network: Network) -> int | None:
    """The last convolution, or what follows it in the same shape, as its activation does; None without convolution."""
    number, plans = None, network.plans
    for each, plan in enumerate(plans):
        if any(len(part.shape) == 4 for part in plan.parameters):
            number = each
    while number is not None and number + 1 < len(plans) and plans[number + 1].output == plans[number].output:
        number += 1
    return number


def gradcam(output: Array, gradient: Array) -> Array:
    """Where maps speak for the class: relu(sum_c a[c] output[c]), a[c] the mean of gradient[c] over its pixels.

    Shapes  output, gradient (N, C, h, w) -> (N, h, w).  Ref  Selvaraju et al. (2017), Grad-CAM, equations 1 and 2
    """
    weights = gradient.mean(axis=(2, 3), keepdims=True)
    return np.maximum((weights * output).sum(axis=1), 0)


def occlusion(network: Network, image: Array, target: int, score: float) -> Array:
    """How much the score falls when a square covers a pixel, the mean over the squares that do.

    The square has the median colour of the image's border.

    Shapes  image (*input_shape) -> (H, W)
    Ref     Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, section 4.2
    """
    size = image_shape(image.shape, "occlusion")[1:]
    windows = list(covering(size))
    covered = np.repeat(image[None], len(windows), axis=0)
    for each, window in zip(covered, windows, strict=True):
        each[..., window[0], window[1]] = _border(image)
    falls = score - network.logits(covered)[:, target].astype(np.float64)
    total, count = np.zeros(size), np.zeros(size)
    for window, fall in zip(windows, falls, strict=True):
        total[window] += fall
        count[window] += 1
    return total / count


def squares(size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The height and width of the square that covers pixels, and the steps by which it moves."""
    window = max(1, size[0] // WINDOWS), max(1, size[1] // WINDOWS)
    return window, (max(1, window[0] // 2), max(1, window[1] // 2))


def covering(size: tuple[int, int]) -> Any:
    """Each place of the square, from the upper left; the last ones may end at the border."""
    window, steps = squares(size)
    starts = [range(0, all_ - side + step, step) for all_, side, step in zip(size, window, steps, strict=True)]
    return ((slice(i, i + window[0]), slice(j, j + window[1])) for i in starts[0] for j in starts[1])


def _border(image: Array) -> Array:
    """The median of what lies at the border, for each channel.  Shapes  (H, W) -> (); (C, H, W) -> (C, 1, 1)"""
    edge = np.concatenate([image[..., 0, :], image[..., -1, :], image[..., 0], image[..., -1]], axis=-1)
    return np.asarray(np.median(edge, axis=-1, keepdims=True)[..., None] if image.ndim == 3 else np.median(edge))


class Neighbour(NamedTuple):
    """The row of an image, and its cosine distance: 0 for the same direction, 1 for a right angle."""

    row: int
    distance: float


class Neighbours(NamedTuple):
    """What the last hidden layer makes of images, each brought to length 1; a layer of -1 is the network's input.

    Shapes  known (n, D) float32; rows (n,) int, out of `of` rows
    """

    layer: int
    known: Array
    rows: Array
    of: int

    def nearest(self, output: Array, count: int) -> list[Neighbour]:
        """The nearest images, the nearest first.  Shapes  output, the layer's for one picture: D numbers of any shape

        Math  1 - cosine of the angle between both outputs
        """
        distances = 1 - self.known @ of_length_one(output.reshape(1, -1))[0]
        order = np.argsort(distances, kind="stable")[:count]
        return [Neighbour(int(self.rows[place]), max(0.0, float(distances[place]))) for place in order]


def neighbours(network: Network, images: Array, rows: Array) -> Neighbours:
    """Of `rows` of the images; of evenly spaced ones where all would take too long or too much memory."""
    layer = last_hidden(network)
    layer = -1 if layer is None else layer
    width = int(np.prod(network.plans[layer].output if layer >= 0 else network.input_shape))
    effort = sum(plan.multiplications for plan in network.plans)
    most = max(1, min(MOST_NUMBERS // width, MOST_MULTIPLICATIONS // max(1, effort)))
    some = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    outputs = network.activations(images[some], [layer])[layer] if layer >= 0 else images[some]
    return Neighbours(layer, of_length_one(outputs), some, len(rows))


def last_hidden(network: Network) -> int | None:
    """The number of the last layer before the output layer, the last one with weights; None without a hidden layer."""
    weighted = [layer for layer, plan in enumerate(network.plans) if any(part.penalised for part in plan.parameters)]
    if len(weighted) < 2:
        return None
    layer = weighted[-1] - 1
    while network.layers[layer].passes_through and layer > weighted[-2]:
        layer -= 1  # which puts out the same numbers
    return layer
