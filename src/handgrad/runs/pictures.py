"""A picture from outside, brought into the form of a run's training images, and how far its result can be trusted."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from handgrad.config import RunConfig, build_dataset
from handgrad.data import DATASETS, FEATURES, PixelRange, bring_to, luma, read_picture
from handgrad.data.dataset import Dataset, Images
from handgrad.errors import HandgradError, UsageError
from handgrad.evaluation.picture import Fitted, dark_on_light, fit_picture, with_views
from handgrad.evaluation.predictions import Familiarity, Predictions, familiarity, predict, trust
from handgrad.nn import Network
from handgrad.runs.predictions import predictions_of, warn_of_other_data
from handgrad.runs.store import Run

DRAWN = re.compile("digits|[kq]?mnist|emnist_.*")  # ink on paper; the other named sets hold pictures of things
SURE = 0.95  # share of right results below which an answer is called unsure
UNLIKE = "unlike the training images: the percentages do not apply"
VIEWED = 1000  # test images whose views are compared with those of a drawing
DISTORTED = 0.1  # logarithm of a change of proportions that may matter


class Experience(NamedTuple):
    """What a network has seen, and how it does on test images; all None, and why, where its data set is not here.

    `viewed` works out how it does on some test images where its answer is the mean over their views.
    """

    familiar: Familiarity | None = None
    tested: Predictions | None = None
    dataset: Dataset | None = None
    missing: str = ""
    viewed: Callable[[], Predictions | None] = lambda: None


def fitted_image(run: Run, shape: tuple[int, ...], path: Path) -> Fitted:
    """The picture as the training images were.

    Those of the named sets are light on dark. Of data of one's own, the run's facts say whether they were drawings on
    light or dark ground; where they were neither, and in colour, the picture enters as it stands.
    """
    config, facts = run.config, run.facts
    pixels = PixelRange(*facts["pixel_range"]) if "pixel_range" in facts else None
    if len(shape) == 3:
        how = Image.Resampling.BILINEAR if config.resize else Image.Resampling.BOX
        return _in_colour(read_picture(path, None, pixels).pixels, shape, how)
    if config.dataset in DATASETS or len(shape) != 2:
        return fitted_drawing(config, facts, shape, _grey(read_picture(path).pixels))
    return fitted_drawing(config, facts, shape, _grey(read_picture(path, (shape[0], shape[1]), pixels).pixels))


def fitted_drawing(config: RunConfig, facts: Mapping[str, Any], shape: tuple[int, ...], grey: Images) -> Fitted:
    """Pixels, of any size, as the training images were: see `fitted_image`.  Shapes  grey (H, W) uint8"""
    dataset = config.dataset
    if len(shape) == 3:
        return _in_colour(grey, shape, Image.Resampling.BOX)
    if dataset in DATASETS or len(shape) != 2:
        drawn = DRAWN.fullmatch(dataset) is not None
        fitted = fit_picture(grey, shape, drawn, dataset in ("mnist", "qmnist"))
        return fitted if config.features == "pixels" else fitted._replace(others=())
    grey = bring_to(grey, (shape[0], shape[1]))
    light = facts.get("light_background")
    inverted = light is not None and dark_on_light(grey, drawn=False) != light
    return Fitted(255 - grey if inverted else grey, inverted)


def _grey(picture: Images) -> Images:
    return luma(picture) if picture.ndim == 3 else picture


def _in_colour(picture: Images, shape: tuple[int, ...], how: Image.Resampling) -> Fitted:
    """The whole picture in `shape`, (3, H, W): as the training images were resized, or else by area."""
    height, width = picture.shape[-2:]
    doubts = ["the picture is grey, and the training images are in colour"] if picture.ndim == 2 else []
    if abs(np.log(height / width * shape[2] / shape[1])) > DISTORTED:
        doubts.append(
            f"its proportions change from {height} x {width} to {shape[1]} x {shape[2]} pixels: cut it to fit"
        )
    return Fitted(np.broadcast_to(bring_to(picture, (shape[1], shape[2]), how), shape).copy(), False, tuple(doubts))


def experience(run: Run) -> Experience:
    """Of the data set of the run, with a warning when it is no longer what the run began with."""
    try:
        named = DATASETS.get(run.config.dataset)
        if named is not None and named.status().place is None:
            raise UsageError(f"the data set {run.config.dataset} is not here")
        dataset: Dataset = build_dataset(run.config)
        warn_of_other_data(run, dataset)
        tested = predictions_of(run, "test", dataset)
        familiar = None if dataset.pictures else familiarity(dataset.x_train, dataset.x_test)
        return Experience(familiar, tested, dataset, viewed=cache(lambda: _viewed(run, dataset)))
    except HandgradError as error:
        return Experience(missing=f"how far the percentages can be trusted is not known: {error}")


def class_probabilities(network: Network, features: str, fitted: Fitted) -> Any:
    """The probability of each class: the mean over all views.  Shapes  -> (K,)"""
    extractor = FEATURES[features]
    return network.predict_proba(extractor(fitted.views) if extractor else fitted.views).mean(axis=0)


def _viewed(run: Run, dataset: Dataset) -> Predictions:
    some = slice(None, None, max(1, len(dataset.x_test) // VIEWED))
    views = np.stack([with_views(image) for image in dataset.x_test[some]])
    found = predict(run.load_model(), views.reshape(-1, *views.shape[2:]), dataset.y_test[some].repeat(views.shape[1]))
    scores = found.scores.reshape(*views.shape[:2], -1).mean(axis=1)
    return found._replace(scores=scores, labels=dataset.y_test[some])


def doubts_about(fitted: Fitted, probabilities: Images, known: Experience) -> tuple[str, ...]:
    """What makes the answer for a picture doubtful, in words."""
    found = list(fitted.doubts)
    if fitted.empty:
        return tuple(found)
    if known.familiar is not None and known.familiar.unlike(fitted.picture[None])[0]:
        return (*found, UNLIKE)
    return (*found, *unsure_words(float(probabilities.max()), known.viewed() if fitted.others else known.tested))


def unsure_words(probability: float, tested: Predictions | None) -> tuple[str, ...]:
    """How often such a probability was right on the test images, where that was not often."""
    share, images = (1.0, 0) if tested is None else trust(tested, probability)
    if share >= SURE:
        return ()
    return (f"unsure: of the {images} test images with such a probability, {100 * share:.0f} % are right",)
