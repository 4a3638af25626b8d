"""`handgrad explain`: which pixels a network's scores rest on, as a figure and as maps of numbers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.cli.commands import Parser
from handgrad.data import read_picture
from handgrad.errors import UsageError
from handgrad.evaluation.explanation import NEAREST, Explanation, explain, neighbours, squares
from handgrad.figures import RESULTS, Explained, RunData
from handgrad.figures.gallery import FORMATS, save
from handgrad.files import atomic_write, atomic_writer, json_text
from handgrad.runs import open_run
from handgrad.runs.pictures import fitted_image
from handgrad.screen import Screen, echo
from handgrad.text import counted

NUMBER = re.compile(r"-?\d+")


class Subject(NamedTuple):
    """An image to be explained, its name, its true class where that is known, and what was done to it."""

    name: str
    image: Any
    true: str = ""
    notes: tuple[str, ...] = ()


def run_explain(tokens: list[str]) -> int:
    """Draw and write the maps of images, test images by their numbers, or those of largest loss."""
    arguments = Parser("explain", format=tuple(FORMATS)).arguments(tokens)
    if arguments.top < 1:
        raise UsageError(f"top must be at least 1, got {arguments.top} (--top)")
    data = RunData(open_run(arguments.run))
    network = data.network
    target = getattr(arguments, "class")
    folder, rows, found = arguments.output or data.run.path / "explanation", list[dict[str, Any]](), list[Any]()
    inside = _Inside(data) if arguments.inside else None
    with Screen().working("explaining") as update:
        for subject in _subjects(data, arguments.images, arguments.top):
            update(f"explaining {subject.name}")
            each = explain(network, subject.image, target)
            echo(_line(subject, each))
            found.append(Explained(subject.name, subject.true, each))
            rows.append(_facts(subject, each))
            if inside:
                rows[-1]["nearest"] = inside.look(subject.image)
        drawn = RESULTS["explanation"].drawn("explanation", (data.name, found))
    files = save(drawn, folder, arguments.format)
    atomic_write(folder / "explanation.json", json_text({"run": str(data.run.path), "images": rows}))
    with atomic_writer(folder / "maps.npz") as file:
        np.savez(file, **_maps([each.maps for each in found]), **(inside.outputs() if inside else {}))
    if not found[0].maps.gradcam.size:
        echo(f"no Grad-CAM: {found[0].maps.layer}")
    echo(f"written: {', '.join(map(str, files))}, explanation.json and maps.npz beside it")
    return 0


class _Inside:
    """What the layers make of images, and which training images the last hidden one makes alike."""

    def __init__(self, data: RunData) -> None:
        self.network, self.labels, self.names = data.network, data.split.y, data.dataset.class_names
        self.known = neighbours(data.network, data.split.x, data.split.train_rows)
        self.seen: list[dict[int, Any]] = []

    def look(self, image: Any) -> list[dict[str, Any]]:
        """Print the nearest training images of one, and return them.  Shapes  image, as it enters the network"""
        self.seen.append(self.network.activations(image[None], self.network.changing))
        layer = self.known.layer
        near = self.known.nearest(self.seen[-1][layer] if layer >= 0 else image, NEAREST)
        found = [
            {"row": row, "class": self.names[int(self.labels[row])], "distance": distance} for row, distance in near
        ]
        said = ", ".join(f"{each['class']} ({each['distance']:.3f})" for each in found)
        where = f"the output of layer {layer}" if layer >= 0 else "the pixels"
        many = (
            f"{len(self.known.rows):,} of {self.known.of:,}"
            if len(self.known.rows) < self.known.of
            else f"{self.known.of:,}"
        )
        echo(f"  nearest of {many} training images, by the cosine distance of {where}: {said}")
        return found

    def outputs(self) -> dict[str, Any]:
        """By layer, of all images that were looked at.  Shapes  layer_0, … (N, *output)"""
        return {
            f"layer_{layer}": np.concatenate([each[layer] for each in self.seen]) for layer in self.network.changing
        }


def _subjects(data: RunData, words: list[str], top: int) -> Iterator[Subject]:
    """The images that are named, each a file or the number of a test image; without any, those of largest loss."""
    if not words:
        worst = data.predictions().largest_losses(top)
        echo(f"the {counted(len(worst), 'test image')} of largest loss (-ln p of the true class), the largest first:")
        words = [str(row) for row in worst]
    for word in words:
        yield _tested(data, int(word)) if NUMBER.fullmatch(word) else _from_file(data, Path(word))


def _tested(data: RunData, row: int) -> Subject:
    images, labels = data.images("test")
    if not 0 <= row < len(images):
        raise UsageError(f"{data.dataset.name} has {len(images):,} test images, 0 to {len(images) - 1}: got {row}")
    return Subject(f"test image {row}", images[row], data.dataset.class_names[labels[row]])


def _from_file(data: RunData, path: Path) -> Subject:
    shape = data.network.input_shape
    picture = read_picture(path).pixels
    fitted = fitted_image(data.run, shape, path)
    size = " x ".join(map(str, shape[-2:]))
    notes: tuple[str, ...] = ("in colour, made grey",) if picture.ndim == 3 and len(shape) == 2 else ()
    notes += ("dark on light, inverted",) if fitted.inverted else ()
    if picture.shape[-2:] != shape[-2:]:
        notes += (f"brought from {picture.shape[-2]} x {picture.shape[-1]} to {size} pixels",)
    notes += ("explained as drawn, which is one of the views that predict takes the mean of",) if fitted.others else ()
    return Subject(path.name, fitted.picture, notes=(*notes, *fitted.doubts))


def _line(subject: Subject, found: Explanation) -> str:
    true = f", in truth {subject.true}" if subject.true else ""
    notes = f" ({'; '.join(subject.notes)})" if subject.notes else ""
    return f"{subject.name}: for {found.class_name}, {100 * found.probability:.1f} %{true}{notes}"


def _facts(subject: Subject, found: Explanation) -> dict[str, Any]:
    square, steps = squares(found.occlusion.shape)
    return {
        "image": subject.name,
        "notes": list(subject.notes),
        "class": found.class_name,
        "true": subject.true or None,
        "score": found.score,
        "probability": found.probability,
        "gradcam": found.layer,
        "occlusion": {"square": square, "steps": steps},
    }


def _maps(found: list[Explanation]) -> dict[str, Any]:
    """Shapes  images, saliency (N, *input_shape); gradcam (N, h, w); occlusion (N, H, W)"""
    names = {"images": "image", "saliency": "saliency", "gradcam": "gradcam", "occlusion": "occlusion"}
    return {name: np.stack([getattr(each, of) for each in found]) for name, of in names.items()}
