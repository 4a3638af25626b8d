"""`handgrad predict`: classify images, and say what makes an answer doubtful."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.cli.commands import Parser
from handgrad.data import DATASETS, FEATURES, PixelRange, luma, to_pillow
from handgrad.data.array_files import Rows, is_array_file, read_unlabelled
from handgrad.data.dataset import Images
from handgrad.data.images import KNOWN, SUFFIXES, check_picture
from handgrad.data.pixels import to_images
from handgrad.data.places import visible
from handgrad.errors import UsageError
from handgrad.evaluation.picture import VIEWS, Fitted
from handgrad.files import atomic_write, atomic_writer
from handgrad.nn import Network
from handgrad.runs import Run, open_run
from handgrad.runs.pictures import (
    UNLIKE,
    Experience,
    class_probabilities,
    doubts_about,
    experience,
    fitted_image,
    unsure_words,
)
from handgrad.screen import echo, working
from handgrad.text import counted, counting_order, csv_text, numbered

TOP = 3  # classes of an image
LABEL = ("Label", "label")  # as the column of names is written
ROWS = 1000  # images of a table that are compared with the training images at once
ENLARGED = 10  # pixels for each pixel of what --show writes


class Result(NamedTuple):
    """The probabilities of the classes for one image, and what makes them doubtful; its name in a submission."""

    path: str | Path
    probabilities: Images
    drawn: bool
    inverted: bool
    doubts: tuple[str, ...]
    name: object = None


def run_predict(tokens: list[str]) -> int:
    """Print the three likeliest classes of each image, and what makes the answer doubtful."""
    predicting = Parser("predict")
    arguments = predicting.arguments(tokens)
    if arguments.kaggle and arguments.csv is None:
        predicting.error("--kaggle says which columns --csv FILE has: give that too")
    run, paths = open_run(arguments.run), _files(arguments.images)
    run.require_network()
    first = read_unlabelled(paths[0]) if is_array_file(paths[0]) else None
    if first is None:  # what cannot be read is refused before anything large is loaded
        check_picture(paths[0])
    network, extractor = run.load_model(), FEATURES[run.config.features]
    shape = tuple(run.facts["image_shape"]) if extractor else network.input_shape
    names = network.class_names or tuple(map(str, range(network.classes)))
    with working("looking at the data set of the run"):
        known = experience(run)
    if known.missing:
        echo(known.missing)
    title, results, taken, reported = "ImageId", list[Result](), set[str](), False
    for path in paths:
        if is_array_file(path):
            rows = first if first and path is paths[0] else read_unlabelled(path)
            title, results = rows.title, [*results, *_of_rows(run, network, rows, path, known)]
            continue
        fitted = fitted_image(run, shape, path)
        probabilities = class_probabilities(network, run.config.features, fitted)
        doubts = doubts_about(fitted, probabilities, known)
        results.append(Result(path, probabilities, not fitted.empty, fitted.inverted, doubts))
        if fitted.others and not reported:
            echo(f"a drawing is read {', '.join(VIEWS)}: the percentages are the mean of {len(VIEWS)} answers")
            reported = True
        _print(results[-1], names)
        if arguments.show:
            _show(fitted, arguments.show, path.stem, taken)
    if arguments.show:
        echo(f"what the network sees: {counted(len(taken), 'picture')} in {arguments.show}")
    if arguments.csv:
        atomic_write(arguments.csv, _table(results, names, title if arguments.kaggle else ""))
        echo(f"{counted(len(results), 'answer')}: {arguments.csv}")
    return 0


def _files(named: Sequence[Path]) -> list[Path]:
    """Each file, and for a folder the images in it, in the order in which a person would count them.

    Raises  UsageError for a folder without an image.
    """
    found: list[Path] = []
    for path in named:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [each for each in visible(path) if each.is_file()]
        images = [each for each in inside if each.suffix.lower() in SUFFIXES]
        if not images:
            raise UsageError(f"{path} holds no image ({KNOWN})")
        if len(images) < len(inside):
            echo(f"{path}: {len(inside) - len(images)} of {len(inside)} files are no images and are left out")
        found += sorted(images, key=lambda image: counting_order(image.name))
    return found


def _of_rows(run: Run, network: Network, rows: Rows, path: Path, known: Experience) -> list[Result]:
    """An answer for each image of a file of arrays, which enters as it lies there; printed is how many of each class.

    Raises  UsageError for images of another shape than the training images.
    """
    names = network.class_names or tuple(map(str, range(network.classes)))
    extractor = FEATURES[run.config.features]
    images = _as_trained(run, tuple(run.facts["image_shape"]) if extractor else network.input_shape, rows.pixels, path)
    called = range(1, len(images) + 1) if rows.names is None else rows.names
    unsure = cache(lambda probability: unsure_words(probability, known.tested))
    results = list[Result]()
    for start in range(0, len(images), ROWS):
        chunk = images[start : start + ROWS]
        unlike = known.familiar.unlike(chunk) if known.familiar else np.zeros(len(chunk), bool)
        scores = network.predict_proba(extractor(chunk) if extractor else chunk)
        for name, score, stranger in zip(called[start:], scores, unlike, strict=False):
            doubts = (UNLIKE,) if stranger else unsure(round(float(score.max()), 3))
            results.append(Result(f"{path}:{name}", score, True, False, doubts, name))
    found = Counter(names[int(each.probabilities.argmax())] for each in results)
    strange = sum(each.doubts == (UNLIKE,) for each in results)
    doubted = sum(each.doubts != () for each in results)
    shares = ", ".join(f"{name}: {number:,}" for name, number in found.most_common())
    echo(f"{path}: {counted(len(results), 'image')}: {shares}")
    echo(f"    {doubted - strange:,} unsure, {strange:,} unlike the training images; --csv FILE says which")
    return results


def _as_trained(run: Run, shape: tuple[int, ...], pixels: Images, path: Path) -> Images:
    own = run.config.dataset not in DATASETS
    known = PixelRange(*run.facts.get("pixel_range", PixelRange())) if own else None
    (images,), _ = to_images(path.name, {str(path): pixels[None] if pixels.shape == shape else pixels}, known)
    if len(shape) == 3 and images.ndim == 3:
        images = np.repeat(images[:, None], 3, axis=1)
    images = luma(images) if len(shape) == 2 and images.ndim == 4 else images
    if images[0].size != np.prod(shape):
        got, expected = (" x ".join(map(str, each)) for each in (images.shape[1:], shape))
        raise UsageError(f"{path}: images of {got} pixels, expected {expected} as the network was trained on")
    return images.reshape(-1, *shape)


def _print(result: Result, names: Sequence[str]) -> None:
    best = result.probabilities.argsort()[::-1][:TOP]
    guesses = "   ".join(f"{names[k]} {100 * result.probabilities[k]:.1f} %" for k in best)
    first, *doubts = [guesses, *result.doubts] if result.drawn else result.doubts
    echo(f"{result.path}: {first}{'   (dark on light, inverted)' if result.inverted and result.drawn else ''}")
    for doubt in doubts:
        echo(f"    {doubt}")


def _show(fitted: Fitted, folder: Path, stem: str, taken: set[str]) -> None:
    """Write each view, by a name that is not `taken` yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture, ending in zip(fitted.views, ("", *(f"-{view.replace(' ', '-')}" for view in VIEWS[1:])), strict=False):
        name = next(each for each in numbered(f"{stem}{ending}") if each not in taken)
        taken.add(name)
        large = picture.repeat(ENLARGED, axis=-2).repeat(ENLARGED, axis=-1)
        with atomic_writer(folder / f"{name}.png") as file:
            to_pillow(large).save(file, "PNG")


def _table(results: Sequence[Result], names: Sequence[str], kaggle: str) -> str:
    rows: list[tuple[object, ...]] = [
        (kaggle, "label" if kaggle.islower() else "Label") if kaggle else ("file", "class", "probability", "doubts")
    ]
    for number, result in enumerate(results, 1):
        best = int(result.probabilities.argmax())
        guess = (names[best], f"{result.probabilities[best]:.4f}") if result.drawn else ("", "")
        row = (result.path, *guess, "; ".join(result.doubts))
        rows.append((number if result.name is None else result.name, names[best]) if kaggle else row)
    return csv_text(rows)
