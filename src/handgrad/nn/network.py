"""A network: a list of layers bound to an input shape, with every parameter in one flat vector."""

from collections.abc import Collection, Sequence
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import UsageError
from handgrad.kernels.losses import softmax
from handgrad.kernels.program import Batches, Program, aligned_zeros
from handgrad.nn.graph import graph_of
from handgrad.nn.layer import Layer, Shape
from handgrad.nn.layout import Slot, Wiring, assemble, outputs, slots_of
from handgrad.nn.losses import CrossEntropy, Loss
from handgrad.nn.summary import summary_rows
from handgrad.previews import table_html
from handgrad.text import visible_name

Array = NDArray[Any]
DTYPES = ("float32", "float64")
INITIALISATION = 11  # purpose, in the key of the generator that weights are drawn from
EVALUATION_ROWS, EVALUATION_BYTES = 256, 1 << 27


class Scaling(NamedTuple):
    """How a pixel, a whole number, enters the network: scale * pixel + shift. Arrays of floats enter as they are.

    Of images in colour, each channel may have numbers of its own.
    """

    scale: float | tuple[float, ...] = 1 / 255
    shift: float | tuple[float, ...] = 0.0

    def __call__(self, images: Array, dtype: Any) -> Array:
        """Pixels as they enter.  Shapes  images (N, H, W) or (N, channels, H, W), the same back"""
        scale, shift = (np.asarray(each, dtype) for each in self)
        if scale.ndim:
            scale, shift = scale[:, None, None], shift[:, None, None]
        scaled: Array = images.astype(dtype) * scale + shift
        return scaled


class Network:
    """Layers, parameters and a loss; `parameters`, `gradients`, `buffers` are flat vectors, `views` names their parts.

    `class_weights`, one a class or none, say how much its images count in training: a batch's loss is the sum of
    weight * loss over its images, divided by the sum of weights; see `handgrad.kernels.driver.weighted_loss`.
    Evaluation counts all images alike.

    Shapes  parameters, gradients (P,); buffers (B,): running statistics, which are not trained
    Raises  UsageError when a layer does not fit its input, or a setting makes no sense.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        *,
        loss: Loss | None = None,
        seed: int = 0,
        dtype: str = "float32",
        scaling: Scaling | None = None,
        class_names: Sequence[str] = (),
        class_weights: Sequence[float] = (),
    ) -> None:
        if dtype not in DTYPES:
            raise UsageError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r} (--dtype)")
        self.layers, self.input_shape, self.dtype = tuple(layers), tuple(input_shape), dtype
        _refuse_channels_last(self.input_shape)
        self.loss, self.scaling = loss or CrossEntropy(), scaling or Scaling()
        if np.size(self.scaling.scale) not in (1, self.input_shape[0]):
            raise UsageError(f"scaling must have 1 or {self.input_shape[0]} numbers, got {np.size(self.scaling.scale)}")
        self.class_names = tuple(visible_name(str(name)) for name in class_names)
        self.class_weights = tuple(map(float, class_weights))
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise UsageError(f"seed must be a whole number, 0 at least, got {seed!r:.60}")
        self.graph = graph_of(self.layers, self.input_shape)
        self.plans = self.graph.plans
        if not any(plan.parameters for plan in self.plans):
            raise UsageError("a network needs at least one layer with parameters, such as Dense(10)")
        self.wiring = Wiring(self.layers, self.graph, self.input_shape)
        self.parameter_slots = slots_of(self.plans, lambda plan: plan.parameters)
        self.buffer_slots = slots_of(self.plans, lambda plan: plan.buffers)
        self.parameters = aligned_zeros(_end(self.parameter_slots), dtype)
        self.gradients = aligned_zeros(self.parameters.size, dtype)
        self.buffers = aligned_zeros(_end(self.buffer_slots), dtype)
        if self.class_names and len(self.class_names) != self.classes:
            raise UsageError(f"class_names has {len(self.class_names)} names for {self.classes} outputs")
        _check_weights(self.class_weights, self.classes)
        self.sparsity = 0.0
        self._programs: dict[tuple[int, int], Program] = {}
        self.initialise(seed)

    def __getstate__(self) -> Any:
        """What the same network is made from elsewhere: its programs hold addresses of this process."""
        names = ("layers", "input_shape", "loss", "dtype", "scaling", "class_names", "class_weights")
        return {name: getattr(self, name) for name in names}, self.parameters, self.buffers

    def __setstate__(self, state: Any) -> None:
        made_from, parameters, buffers = state
        Network.__init__(self, **made_from)
        self.parameters[:], self.buffers[:] = parameters, buffers

    def __repr__(self) -> str:
        layers = ", ".join(type(layer).__name__ for layer in self.layers)
        return f"Network({self.input_shape} -> {self.classes}: {layers}; {self.parameters.size:,} parameters)"

    def _repr_html_(self) -> str:
        rows = [(row.type, " x ".join(map(str, row.output)), row.parameters or "") for row in summary_rows(self)]
        return table_html(("layer", "output", "parameters"), rows, f"{self.parameters.size:,} parameters")

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return prod(self.plans[-1].output if self.plans else self.input_shape)

    @property
    def changing(self) -> list[int]:
        """The numbers of the layers whose output in evaluation is not their input."""
        plans = enumerate(zip(self.layers, self.plans, strict=True))
        return [number for number, (layer, plan) in plans if plan.kernels and not layer.passes_through]

    @property
    def views(self) -> dict[str, Array]:
        """Parameters and buffers by name ("0.weight" is layer 0's weight), as shaped views of the flat vectors."""
        named = {slot.name: slot.view(self.parameters) for slot in self.parameter_slots}
        return named | {slot.name: slot.view(self.buffers) for slot in self.buffer_slots}

    @property
    def segments(self) -> Array:
        """Shapes  (S, 3) int64: start, stop, and 1 where penalties apply, for each parameter."""
        rows = [(slot.start, slot.stop, int(slot.part.penalised)) for slot in self.parameter_slots]
        return np.array(rows, np.int64).reshape(-1, 3)

    def initialise(self, seed: int) -> None:
        """Draw every parameter anew from its initialiser, and reset the buffers."""
        generator = np.random.Generator(np.random.Philox(key=[seed, INITIALISATION]))
        for slot in self.parameter_slots:
            part = slot.part
            slot.view(self.parameters)[...] = part.initializer(generator, part.shape, part.fan_in, part.fan_out)
        for slot in self.buffer_slots:
            slot.view(self.buffers)[...] = slot.part.value

    def select_kernels(self, images: Array) -> None:
        """Choose the kernels of the first layer by a sample of the images to come: it changes the speed, and no bit.

        Shapes  images (N, *input_shape); a few hundred are enough
        """
        flat = self._flat(images)
        dark = flat.dtype != np.uint8 or not np.any(self.scaling.shift)
        self.sparsity = kernels.sparse.share_of_zeros(flat, 0) if dark else 0.0
        self._programs.clear()

    @cached_property
    def evaluation_rows(self) -> int:
        """Images that are evaluated at a time; of a large network fewer, lest it take more memory than training."""
        rows, bytes_ = EVALUATION_ROWS, self.wiring.starts(1, {})[-1] * self.parameters.itemsize
        while rows > 1 and rows * bytes_ > EVALUATION_BYTES:
            rows //= 2
        return rows

    def program(self, rows: int, threads: int = 1) -> Program:
        """The network as the compiled driver sees it, with room for batches of up to `rows` images.

        Several threads compute the same bits as one: see `handgrad.kernels.team`.
        """
        if (rows, threads) not in self._programs:
            self._programs[rows, threads] = assemble(self, rows, threads)
        return self._programs[rows, threads]

    def batches(
        self,
        images: Array,
        labels: Array | None = None,
        order: Array | None = None,
        size: int = 0,
        weights: Array | None = None,
    ) -> Batches:
        """Images to go through the network `size` at a time in `order`, scaled when they are uint8.

        In training, an image counts as much as its weight times that of its class.

        Raises  UsageError when an image has another shape than the network's input, a label is no class of it,
                `order` names an image that is not there, or a weight is not positive.
        """
        flat = self._flat(np.asarray(images))
        array = np.zeros(len(flat), np.int64) if labels is None else np.asarray(labels)
        _check_labels(array, len(flat), self.classes)
        targets = np.ascontiguousarray(array, np.int64).view()
        scaling = self.scaling if flat.dtype == np.uint8 else (1.0, 0.0)
        scale, shift = (np.array(each, self.dtype).reshape(-1) for each in scaling)
        rows = np.arange(len(flat)) if order is None else np.ascontiguousarray(order, np.int64).view()
        _check_order(rows, len(flat))
        flat.flags.writeable = targets.flags.writeable = rows.flags.writeable = False
        size = size or self.evaluation_rows
        counts = np.empty(0) if weights is None else np.array(weights, np.float64)
        if weights is not None:
            _check_image_weights(counts, len(flat), rows)
        if self.class_weights and labels is not None:
            counts = np.array(self.class_weights)[targets] * (counts if counts.size else 1.0)
        return Batches(flat, targets, counts, rows, size, scale, shift, np.uint64(0), np.empty(0))

    def _flat(self, images: Array) -> Array:
        """Images as rows: whole numbers are pixels, to be scaled as bytes are; floats enter as they are."""
        shape, size = images.shape[1:], prod(self.input_shape)
        if shape != self.input_shape and (images[0:1].size != size or not _same_order(shape, self.input_shape)):
            last = sorted(shape) == sorted(self.input_shape)
            fix = ". With channels last, give np.moveaxis(images, -1, 1)" if last else ""
            raise UsageError(f"the network takes images of shape {self.input_shape}, got {shape}{fix}")
        if images.dtype.kind in "bui" and images.dtype != np.uint8:
            bytes_ = images.size == 0 or (images.min() >= 0 and images.max() <= 255)
            whole = images.reshape(len(images), *self.input_shape)
            images = images.astype(np.uint8) if bytes_ else self.scaling(whole, np.float64)
        dtype = images.dtype if images.dtype == np.uint8 else self.dtype
        return np.ascontiguousarray(images, dtype).reshape(len(images), size)[:]

    def logits(self, images: Array) -> Array:
        """The last layer's outputs.  Shapes  images (N, *input_shape) uint8 or float -> (N, K)"""
        flat, rows = self._flat(images), self.evaluation_rows
        program = self.program(rows)
        if flat.dtype == self.dtype and 0 < len(flat) <= rows:  # a few, which need no Batches
            program.activations[: flat.size] = flat.reshape(-1)
            kernels.driver.infer(program, len(flat))
            start, size = int(program.table["y_start"][-1]), len(flat) * self.classes
            return program.activations[start : start + size].reshape(len(flat), -1).copy()
        out = np.empty((len(flat), self.classes), self.dtype)
        kernels.driver.evaluate_rows(program, self.batches(images), out)
        return out

    def predict_proba(self, images: Array) -> Array:
        """Probability of each class.  Shapes  images (N, *input_shape) uint8 or float -> (N, K)"""
        out = self.logits(images)
        softmax(out, out)
        return out

    def activations(self, images: Array, layers: Collection[int] | None = None) -> dict[int, Array]:
        """The output of each of `layers` (all by default) by its number, in evaluation mode, as copies.

        Shapes  images (N, *input_shape) uint8 or float -> (N, *output of the layer)
        """
        wanted = range(len(self.layers)) if layers is None else layers
        found = {layer: np.empty((len(images), *self.plans[layer].output), self.dtype) for layer in wanted}
        rows = self.evaluation_rows
        program = self.program(rows)
        for start in range(0, len(images), rows):
            part = images[start : start + rows]
            kernels.driver.evaluate_rows(program, self.batches(part), np.empty((0, self.classes), self.dtype))
            for layer, output in enumerate(outputs(self, program, len(part))):
                if layer in found:
                    found[layer][start : start + len(part)] = output
        return found

    def loss_and_gradients(
        self, images: Array, labels: Array, weights: Array | None = None, *, training: bool = True, key: int = 0
    ) -> float:
        """Loss of one batch; its gradient with respect to every parameter is left in `gradients`.

        `key` seeds dropout; with training=False, dropout is off and batch normalisation uses running statistics.
        """
        batches = self.batches(images, labels, None, len(images), weights)
        program = self.program(len(images))
        x = program.activations[: len(images) * program.table[0]["x_size"]]
        kernels.driver.gather(batches, batches.order, x, batches.labels.copy())
        loss, _ = kernels.driver.loss_and_gradients(
            program, batches.labels.copy(), batches.weights, np.uint64(key), training
        )
        return float(loss)


def _end(slots: Sequence[Slot]) -> int:
    return slots[-1].stop if slots else 0


def _refuse_channels_last(shape: Shape) -> None:
    """Height, width, channels would be taken for as many channels as there are rows."""
    if len(shape) == 3 and shape[2] in (1, 3, 4) and shape[0] > 4 and shape[1] > 4:
        first = (shape[2], *shape[:2])
        raise UsageError(
            f"input_shape must be (channels, height, width), got {shape} with the channels last. "
            f"Give {first}, and images as np.moveaxis(images, -1, 1)"
        )


def _same_order(shape: Shape, other: Shape) -> bool:
    """Whether two shapes of one size have the same numbers in the same order, as far as they tell."""
    one, two = ([side for side in each if side > 1] for each in (shape, other))
    return one == two or min(len(one), len(two)) <= 1


def _check_labels(labels: Array, images: int, classes: int) -> None:
    if labels.dtype.kind not in "iu":
        raise UsageError(f"labels must be whole numbers, got an array of {labels.dtype}")
    if labels.shape != (images,):
        raise UsageError(f"{images} images need as many labels, got an array of shape {labels.shape}")
    if images and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise UsageError(f"labels must be in 0 to {classes - 1} for a network of {classes} outputs, got {wrong}")


def _check_weights(weights: Sequence[float], classes: int) -> None:
    if weights and (len(weights) != classes or not all(0 < weight < np.inf for weight in weights)):
        what = f"class_weight must be balanced, or {classes} positive numbers, one for each class"
        raise UsageError(
            f"{what}, got {len(weights)}: {', '.join(f'{weight:g}' for weight in weights)} (--class_weight)"
        )


def _check_image_weights(weights: Array, images: int, rows: Array) -> None:
    if weights.shape != (images,):
        raise UsageError(f"{images} images need as many weights, got an array of shape {weights.shape}")
    wrong = weights[rows][~((weights[rows] > 0) & (weights[rows] < np.inf))]
    if wrong.size:
        raise UsageError(f"weights of images must be positive, got {wrong[0]:g}")


def _check_order(rows: Array, images: int) -> None:
    if rows.size and not 0 <= rows.min() <= rows.max() < images:
        wrong = rows[(rows < 0) | (rows >= images)][0]
        raise UsageError(f"order must name rows 0 to {images - 1}, got {wrong}")
