"""What networks take a drawing for, what each of their layers makes of it, and the training images nearest to it."""

import base64
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.data import FEATURES, luma
from handgrad.data.splits import Split
from handgrad.errors import DivergedError, HandgradError, UsageError
from handgrad.evaluation.explanation import NEAREST, Neighbours, backward, neighbours, saliency, strength
from handgrad.evaluation.picture import VIEWS, Fitted
from handgrad.nn import Network
from handgrad.run_folder import RunFolder
from handgrad.runs import open_run
from handgrad.runs.pictures import Experience, class_probabilities, doubts_about, experience, fitted_drawing

Result = dict[str, Any]
SIDE = 196  # pixels of the page's pad
MOST_NETWORKS = 6
MOST_MAPS, MOST_UNITS = 16, 1024  # of a layer, those that are shown


class Subject(NamedTuple):
    """A network that drawings are classified by, and what it has seen.

    `trained_on` holds the images that it learned from, as pictures; `nearest` what it makes of them.
    """

    name: str
    config: RunConfig
    facts: dict[str, Any]
    network: Network
    shape: tuple[int, ...]
    experience: Experience
    trained_on: Split | None = None
    nearest: Neighbours | None = None


@lru_cache(maxsize=MOST_NETWORKS)
def _subject(path: str, changed: int) -> Subject:
    run = open_run(path)
    config, facts, network, known = run.config, run.facts, run.load_model(), experience(run)
    features = FEATURES[config.features]
    shape = tuple(facts["image_shape"]) if features else network.input_shape
    subject = Subject(run.name, config, facts, network, shape, known)
    if known.dataset is None:
        return subject
    parts = build_split(config, known.dataset)
    nearest = neighbours(network, parts.x, parts.train_rows)
    if features:
        plain = config.model_copy(update={"features": "pixels"})
        parts = build_split(plain, build_dataset(plain))
    return subject._replace(trained_on=parts, nearest=nearest)


def classified(task: dict[str, Any]) -> Result:
    """What `handgrad predict` and `handgrad explain` say of a drawing, for each of several networks.

    One that cannot be read, or has diverged, says so in its place.
    """
    drawing, fits = read_drawing(task["pixels"]), dict[Any, Fitted]()
    found = []
    for path in task["runs"]:
        try:
            subject = _subject(path, _changed(path))
            form = subject.config.dataset, subject.shape, subject.facts.get("light_background")
            if form not in fits:
                fits[form] = fitted_drawing(subject.config, subject.facts, subject.shape, drawing)
            found.append(_classified(subject, fits[form], bool(task.get("inside"))))
        except HandgradError as error:
            found.append({"name": Path(path).name, "error": str(error)})
    return {"networks": found}


def read_drawing(text: object) -> Any:
    """The pixels of the page's pad, dark on light, a byte each.  Raises  UsageError when they are none."""
    try:
        content = base64.b64decode(str(text), validate=True)
    except ValueError:
        content = b""
    if len(content) != SIDE * SIDE:
        raise UsageError(f"a drawing is {SIDE} x {SIDE} bytes in base64")
    return np.frombuffer(content, np.uint8).reshape(SIDE, SIDE)


def _changed(path: str) -> int:
    """When its network was written: another one is read anew."""
    run = RunFolder(Path(path))
    return max((os.stat(file).st_mtime_ns for file in (run.model_file, run.best_file) if file.exists()), default=0)


def _classified(subject: Subject, fitted: Fitted, inside: bool) -> Result:
    network, features = subject.network, FEATURES[subject.config.features]
    probabilities = class_probabilities(network, subject.config.features, fitted)
    if not np.isfinite(probabilities).all():
        raise DivergedError("the network's outputs are not finite: it diverged")
    doubts = doubts_about(fitted, probabilities, subject.experience)
    missing = subject.experience.missing
    result: Result = {
        "name": subject.name,
        "empty": fitted.empty,
        "classes": network.class_names or list(map(str, range(network.classes))),
        "probabilities": [round(float(each), 4) for each in probabilities],
        "seen": [{"view": view} | _picture(each) for view, each in zip(VIEWS, fitted.views, strict=False)],
        "doubts": (*doubts, missing) if missing else doubts,
    }
    if fitted.empty or not inside:
        return result
    entering = features(fitted.picture[None]) if features else fitted.picture[None]
    found = backward(network, entering, probabilities.argmax(keepdims=True))
    if not features:
        slopes = strength(saliency(network, fitted.picture, found))
        result["saliency"] = _picture(255 * slopes / max(float(slopes.max()), 1e-12))
    result["layers"] = [_layer(network, number, found.outputs[number][0]) for number in network.changing]
    if subject.nearest:
        layer = subject.nearest.layer
        result |= _nearest(subject, found.outputs[layer] if layer >= 0 else entering, result["classes"])
    return result


def _layer(network: Network, number: int, output: Any) -> Result:
    """A layer's output as numbers from 0 to 255, where 128 is 0 and the largest of either sign is 1 or 255.

    Convolutions put out maps, which stand side by side; other layers a row of units, which is broken into several.
    """
    maps = output.reshape(-1, *output.shape[-2:]) if output.ndim > 1 else output.reshape(-1, 1, 1)
    many = "map" if output.ndim > 1 else "unit"
    kept = maps[: MOST_MAPS if output.ndim > 1 else MOST_UNITS]
    limit = float(np.abs(kept).max()) or 1.0
    return {
        "title": f"layer {number}, {type(network.layers[number]).__name__}",
        "kind": many,
        "count": len(maps),
        "size": kept.shape,
        "pixels": _as_text(np.rint(128 + 127 * kept / limit)),
        "limit": float(f"{limit:.3g}"),
        "positive": round(float((output > 0).mean()), 3),
    }


def _nearest(subject: Subject, output: Any, classes: list[str]) -> Result:
    """The training images whose outputs of the last hidden layer are nearest to the drawing's, with their labels."""
    nearest, parts = subject.nearest, subject.trained_on
    assert nearest
    assert parts
    found = nearest.nearest(output, NEAREST)
    layer = type(subject.network.layers[nearest.layer]).__name__
    where = f"the output of layer {nearest.layer}, {layer}" if nearest.layer >= 0 else "the network's input"
    among = f"{len(nearest.rows):,}" + (f" of {nearest.of:,}" if len(nearest.rows) < nearest.of else "")
    return {
        "nearest": [
            {
                "label": classes[int(parts.y[each.row])],
                "distance": round(each.distance, 4),
                "picture": _picture(parts.x[each.row]),
            }
            for each in found
        ],
        "among": f"the nearest of {among} training images, by the cosine distance of {where}",
    }


def _picture(pixels: Any) -> Result:
    grey = luma(pixels) if pixels.ndim == 3 else pixels
    return {"size": grey.shape, "pixels": _as_text(grey)}


def _as_text(pixels: Any) -> str:
    return base64.b64encode(np.asarray(pixels).astype(np.uint8).tobytes()).decode()
