"""t-SNE of the input and of the output of the last dense layer: how far the classes lie apart on both sides of it."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from handgrad.errors import HandgradError
from handgrad.evaluation.explanation import last_hidden
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.training.models import read_tensors, write_tensors

Array = NDArray[Any]
IMAGES = 4  # purpose, in the key of a generator
PERPLEXITY = 30.0
MOST_NAMED = 26  # classes whose names fit on a map


class Stage(NamedTuple):
    """A map of the same images at one time.  Shapes  points (n, 2) float64"""

    name: str
    points: Array
    divergence: float


class Embedding(NamedTuple):
    """Maps after the first epoch and after training, or the latter alone.  Shapes  rows, labels (n,) int"""

    run: str
    subject: str
    layer: str
    class_names: tuple[str, ...]
    rows: Array
    labels: Array
    perplexity: float
    stages: tuple[Stage, ...]

    @property
    def caption(self) -> str:
        times = " and ".join(f"{stage.name} (KL divergence {stage.divergence:.3f})" for stage in self.stages)
        only = "" if len(self.stages) == 2 else " There is no network from after a first epoch to compare with."
        return (
            f"t-SNE of {self.subject} ({self.layer}) of {self.run} for {len(self.rows):,} test "
            f"images, {times}; perplexity {self.perplexity:g}, begun from the first two principal components. "
            f"Distances between far groups mean little.{only}"
        )

    @property
    def table(self) -> Table:
        """A row for each image and stage."""
        rows = (
            (stage.name, row, self.class_names[label], x, y)
            for stage in self.stages
            for row, label, (x, y) in zip(self.rows, self.labels, stage.points, strict=True)
        )
        return Table(("network", "test_image", "class", "x", "y"), rows)


def tsne_data(data: RunData) -> Embedding:
    """Of the last hidden layer, which is the input of the last dense one; see `embedding`.

    Raises  DoesNotApplyError when no layer with weights is before that one.
    """
    layer = last_hidden(data.network)
    if layer is None:
        raise DoesNotApplyError("the network has no hidden layer")
    spatial = len(data.network.plans[layer].output) > 1
    return embedding(data, layer, "the input of the last dense layer" if spatial else "the last hidden layer")


def tsne_output_data(data: RunData) -> Embedding:
    """Of the outputs of the last dense layer, before softmax; see `embedding`."""
    return embedding(data, len(data.network.layers) - 1, "the output layer before softmax", "output-")


def embedding(data: RunData, layer: int, subject: str, mark: str = "") -> Embedding:
    """Test images drawn at random, as a layer puts them out after the first epoch and after training.

    Maps are kept in the run's folder, and made again when anything that they follow from has changed.
    """
    networks = {"after training": data.network}
    if data.first_network is not None:
        networks = {"after the first epoch": data.first_network} | networks
    images, labels = data.inputs.x_test, data.inputs.y_test
    rows = np.sort(data.generator(IMAGES).permutation(len(labels))[: data.tsne_images])
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    if perplexity < 1:
        raise DoesNotApplyError(f"{len(rows)} test images are too few to be mapped")
    stages = []
    for name, network in networks.items():
        outputs = network.activations(images[rows], [layer])[layer].reshape(len(rows), -1)
        if (outputs == outputs[0]).all():
            raise DoesNotApplyError(f"{name}, layer {layer} gives the same numbers for every image")
        points, divergence = _kept(data, mark + name, outputs, perplexity)
        stages.append(Stage(name, points, divergence))
    label = f"layer {layer}, {type(data.network.layers[layer]).__name__}"
    names = data.dataset.class_names
    return Embedding(data.name, subject, label, names, rows, labels[rows], perplexity, tuple(stages))


def tsne(outputs: Array, perplexity: float, seed: int) -> tuple[Array, float]:
    """Points in the plane, and the Kullback-Leibler divergence that is left.

    Outputs are brought to mean 0 and, all together, deviation 1. One thread: several would add up in any order.

    Shapes  outputs (n, features) -> (n, 2) float64
    Ref     van der Maaten & Hinton (2008), Journal of Machine Learning Research 9
    """
    from sklearn.manifold import TSNE

    centred = outputs.astype(np.float64) - outputs.mean(axis=0, dtype=np.float64)
    scaled = centred / (centred.std() or 1.0)
    made = TSNE(perplexity=perplexity, init="pca", random_state=seed % 2**32, n_jobs=1)
    with threadpool_limits(1):
        points = made.fit_transform(scaled.astype(np.float32))
    return np.asarray(points, np.float64), float(made.kl_divergence_)


def _kept(data: RunData, name: str, outputs: Array, perplexity: float) -> tuple[Array, float]:
    """From the run's folder, if it is the map of these outputs; else made, and kept if the folder can be written."""
    path = data.run.path / "figures" / f"tsne-{name.replace(' ', '-')}.safetensors"
    digest = hashlib.sha256(outputs.tobytes()).hexdigest()
    made_of = {"outputs": digest, "perplexity": perplexity, "seed": data.seed}
    found = _read(path, made_of, len(outputs))
    if found:
        return found
    data.log(f"t-SNE of {len(outputs):,} images, {name}: takes some seconds")
    points, divergence = tsne(outputs, perplexity, data.seed)
    try:
        path.parent.mkdir(exist_ok=True)
        write_tensors(
            path, {"points": points.astype(np.float32)}, {"kind": "t-SNE map", "of": made_of, "divergence": divergence}
        )
    except (OSError, HandgradError):  # a folder that cannot be written, say on a stick, only costs the seconds again
        pass
    return points, divergence


def _read(path: Path, made_of: dict[str, Any], count: int) -> tuple[Array, float] | None:
    try:
        tensors, document = read_tensors(path, "t-SNE map")
        if document["of"] == made_of and tensors["points"].shape == (count, 2):
            return tensors["points"].astype(np.float64), float(document["divergence"])
    except (HandgradError, KeyError, TypeError, ValueError):
        pass
    return None


def plot_tsne(found: Embedding) -> Any:
    """One map a stage; a class has its colour, its marker and its name in the middle of its points."""
    times = " against ".join(stage.name for stage in found.stages)
    title = f"t-SNE of {found.subject}: {times}\n{style.cut(found.run, 60)}, {len(found.rows):,} test images"
    columns = len(found.stages)
    figure, axes = style.grid(title, 4.35, 1, columns, style.WIDTH if columns > 1 else 4.4)
    for each, stage in zip(axes[0], found.stages, strict=True):
        _points(each, found, stage.points)
        _names(each, found, stage.points)
        each.set_title(stage.name)
        each.set(xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)", xticks=[], yticks=[])
        each.set_box_aspect(1)
    if len(found.class_names) <= MOST_NAMED:
        style.legend_below(figure, axes[0, 0], 5)
    return figure


def _points(axes: Any, found: Embedding, points: Any) -> None:
    """The images of a class as its marks."""
    size = np.clip(12000 / len(points), 3, 22)
    for label, name in enumerate(found.class_names):
        here, look = points[found.labels == label], style.look(label)
        if len(here):
            axes.scatter(
                *here.T, s=size, color=look.color, marker=look.marker, alpha=0.65, linewidths=0,
                label=style.cut(name, 18),
            )  # fmt: skip


def _names(axes: Any, found: Embedding, points: Any) -> None:
    if len(found.class_names) > MOST_NAMED:
        return
    for label, name in enumerate(found.class_names):
        here = points[found.labels == label]
        if len(here):
            middle = np.median(here, axis=0)
            axes.text(
                *middle, style.cut(name, 12), size=style.SMALL, weight="bold", ha="center", va="center",
                bbox=style.HALO,
            )  # fmt: skip
