"""A network from Python: built from names, trained, asked and looked at by its own methods."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig, build_layers, build_loss
from handgrad.config.build import build_class_weights
from handgrad.config.layer_list import LayerList, build_layer
from handgrad.config.lookup import value_name
from handgrad.config.schema import OF_DATA, decides_training
from handgrad.errors import UsageError
from handgrad.evaluation import Measure, measure
from handgrad.nn import LOSSES, Layer, Loss
from handgrad.nn import Network as BaseNetwork
from handgrad.nn.summary import summary_text
from handgrad.optim import Optimizer, Schedule
from handgrad.training.fit import fit
from handgrad.training.history import History
from handgrad.training.inputs import numbered, read_images, read_labels
from handgrad.training.settings import build_settings

Array = NDArray[Any]
# Settings of a run on a data set that arrays do not have: their floats enter as they are.
OF_RUNS = ("train_fraction", "normalize", "backend", "device", "log_test", "checkpoint_seconds", "model_options")


class Network(BaseNetwork):
    """The network of `handgrad.nn` with names in place of objects, and methods for arrays, lists and frames.

    `layers` are objects, or texts as the command line writes them: ["conv2d:8,3", "relu", "flatten", "dense:10"];
    `loss` an object or a name; `input_shape` the shape of one image, or the length of a row. All else is as there.
    """

    history: History | None = None

    def __init__(self, layers: Any, input_shape: Any, *, loss: str | Loss | None = None, **settings: Any) -> None:
        super().__init__(_layers(layers), _shape(input_shape), loss=_loss(loss), **settings)

    def fit(self, images: Any, labels: Any = None, **settings: Any) -> History:
        """Train: `handgrad.fit` of this network. What it gives is kept as `history`, too."""
        self.history = fit(self, images, labels, **settings)
        return self.history

    def logits(self, images: Any) -> Array:
        """The last layer's outputs.  Shapes  images (N, *input_shape) -> (N, K)"""
        return super().logits(read_images(images))

    def predict(self, images: Any) -> Array:
        """The likeliest class of each image: its name where classes have names, else its number."""
        likeliest = self.logits(images).argmax(axis=1)
        if not self.class_names:
            return likeliest
        numbers = numbered(self.class_names)
        return (np.array(self.class_names) if numbers is None else numbers)[likeliest]

    def evaluate(self, images: Any, labels: Any) -> Measure:
        """Loss, accuracy, balanced accuracy and macro F1 over images with labels as `fit` takes them."""
        array = read_images(images)
        (found,), _ = read_labels({"y": labels}, self, anew=False)
        if len(array) != len(found):
            raise UsageError(f"x has {len(array)} images, but there are {len(found)} labels: give one for each")
        return measure(self, array, found)

    def summary(self) -> None:
        """Print a table of the layers with output shapes, parameters and multiply-adds."""
        print(summary_text(self))


def train(
    x: Any,
    y: Any,
    *,
    validation_data: Any = None,
    sample_weight: Any = None,
    callbacks: Any = (),
    verbose: int = 1,
    **settings: Any,
) -> Network:
    """A new network, trained on images and labels as `handgrad train` would; what happened is its `history`.

    `settings` are RunConfig's, aliases included, such as epochs=5, layers=["dense:64", "relu"], optimizer="sgd",
    learning_rate=0.1, preset="plain"; all else is as for `handgrad.fit`.

    Raises  UsageError when something makes no sense, all at once; DivergedError.
    """
    images, (found, names) = read_images(x), read_labels({"y": y})
    if isinstance(weights := settings.get("class_weight"), Mapping):
        settings["class_weight"] = _by_class(weights, names)
    for name, value in settings.items():
        if any(
            isinstance(each, Layer | Loss | Optimizer | Schedule)
            for each in (value if isinstance(value, list | tuple) else [value])
        ):
            raise UsageError(f"train takes {name} by name, got {value!r:.60}: objects are for Network and its fit")
    config = RunConfig.from_mapping(settings)
    kept = (*OF_DATA, *OF_RUNS)
    if useless := sorted(name for name in config.model_fields_set if not decides_training(name) or name in kept):
        raise UsageError(f"train takes arrays and returns a network, and has no use for {', '.join(useless)}")
    if config.model in CLASSICAL:
        raise UsageError(f"train trains networks: model {config.model} is for handgrad.execute")
    network = Network(
        build_layers(config, len(names), images.shape[1:]),
        images.shape[1:],
        loss=build_loss(config),
        seed=config.seed,
        dtype=config.dtype,
        class_names=names,
        class_weights=build_class_weights(config, found[0], len(names)),
    )
    values = vars(build_settings(config)) | {"validation_fraction": config.validation_fraction}
    watched = {"validation_data": validation_data, "sample_weight": sample_weight, "callbacks": callbacks}
    network.fit(images, y, verbose=verbose, **watched, **values)
    return network


def _by_class(weights: Mapping[Any, Any], names: tuple[str, ...]) -> list[Any]:
    """A weight for each class, from those of some by label; the others' is 1."""
    by_name = {str(label): weight for label, weight in weights.items()}
    if wrong := [name for name in by_name if name not in names]:
        raise UsageError(f"class_weight names {wrong[0]}, which is no class of y")
    return [by_name.get(name, 1.0) for name in names]


def _layers(layers: Any) -> list[Layer]:
    if isinstance(layers, str):
        layers = [layers]
    if not isinstance(layers, Iterable):
        raise UsageError(f"layers must be a list of layers such as dense:128 or relu, got {layers!r:.60}")
    found: list[Layer] = []
    for layer in layers:
        try:
            found += [layer] if isinstance(layer, Layer) else map(build_layer, LayerList().read(layer))
        except (ValueError, TypeError) as error:
            raise UsageError(f"layers {error}") from None
    return found


def _shape(input_shape: Any) -> tuple[int, ...]:
    shape = np.ravel(np.asarray(input_shape, object)).tolist()
    if not shape or not all(isinstance(side, int | np.integer) and side > 0 for side in shape):
        raise UsageError(f"input_shape must be that of one image, such as (28, 28) or 784, got {input_shape!r:.60}")
    return tuple(map(int, shape))


def _loss(loss: Any) -> Loss | None:
    if loss is None or isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise UsageError(f"loss must be a name such as {next(iter(LOSSES))}, or a handgrad Loss, got {loss!r:.60}")
    try:
        made: Loss = LOSSES[value_name("loss", loss, LOSSES)]()
    except ValueError as error:
        raise UsageError(f"loss {error}") from None
    return made
