"""Digits on photographed paper: shadows, ruled lines, specks, a turned hand, a table below the sheet."""

import os

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from tests.ingredients import nn, optim

from handgrad.data import load, split
from handgrad.evaluation.picture import dark_on_light, fit_picture, light_background
from handgrad.evaluation.predictions import Predictions, familiarity, trust
from handgrad.nn import Network
from handgrad.runs.pictures import class_probabilities
from handgrad.training import fit

HEIGHT, WIDTH = 480, 640
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
DIGITS = 30


def paper(seed):
    """Light, with a fine grain and soft stains."""
    generator = np.random.default_rng(seed)
    sheet = 230 + generator.normal(0, 3, (HEIGHT, WIDTH))
    return sheet + 30 * ndimage.gaussian_filter(generator.normal(0, 1, (HEIGHT, WIDTH)), 20)


def written(digit, seed, angle=0.0):
    """The digit in dark ink anywhere on the paper, 150 to 300 pixels high; and where it is not."""
    generator, sheet = np.random.default_rng([seed, 1]), paper(seed)
    side = int(generator.integers(150, 300))
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.asarray(large.rotate(angle, Image.Resampling.BICUBIC, expand=True))[: HEIGHT - 41] / 255.0
    height, width = ink.shape
    top, left = generator.integers(20, HEIGHT - height - 19), generator.integers(20, WIDTH - width - 19)
    part = sheet[top : top + height, left : left + width]
    part *= 1 - ink * (1 - 40 / 230)
    free = np.ones(sheet.shape, bool)
    free[max(0, top - 15) : top + height + 15, max(0, left - 15) : left + width + 15] = False
    return sheet, free, generator


def shaded(share):
    """Light falls by this share from one side of the page to the other."""

    def change(sheet, free, generator):
        angle = generator.uniform(0, 2 * np.pi)
        along = COLUMNS / WIDTH * np.cos(angle) + ROWS / HEIGHT * np.sin(angle)
        return sheet * (1 - share * (along - along.min()) / np.ptp(along))

    return change


def specks(sheet, free, generator):
    """Three dark ones beside the digit."""
    for row, column in generator.permutation(np.argwhere(free[10:-10, 10:-10]))[:3] + 10:
        sheet[(ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= generator.integers(3, 7) ** 2] = 30
    return sheet


def ruled(shade, slant=0.0):
    """Lines behind the digit, every 40 pixels."""

    def change(sheet, free, generator):
        line = (ROWS + slant * COLUMNS) % 40 < 2
        return np.where(line, np.minimum(sheet, shade), sheet)

    return change


def on_a_table(sheet, free, generator):
    """A dark table shows at all four borders."""
    inside = np.zeros(sheet.shape, bool)
    inside[18:-18, 18:-18] = True
    return np.where(inside, sheet, 60)


CASES = {
    "flat": (0, None, 29),
    "turned left": (15, None, 28),
    "turned right": (-15, None, 28),
    "light falls by 10 %": (0, shaded(0.1), 28),
    "light falls by 20 %": (0, shaded(0.2), 28),
    "light falls by 40 %": (0, shaded(0.4), 28),
    "three specks": (0, specks, 28),
    "ruled": (0, ruled(170), 26),
    "ruled in dark ink, slanting": (0, ruled(120, 0.04), 26),
    "on a table": (0, on_a_table, 28),
    "white on black": (0, lambda sheet, free, generator: 255 - 0.9 * sheet, 28),
    "blurred": (0, lambda sheet, free, generator: ndimage.gaussian_filter(sheet, 3), 28),
}


@pytest.fixture(scope="module")
def mnist(real_data):
    """The data set and a network that has 97.5 % of its test images right."""
    real_data("mnist")
    mnist = load("mnist")
    network = Network([nn.Flatten(), nn.Dense(128), nn.ReLU(), nn.Dense(10)], (28, 28))
    fit(network, split(mnist, 0.01, 0), epochs=4, optimizer=optim.Adam(0.002), batch_size=64)
    assert (network.logits(mnist.x_test).argmax(axis=1) == mnist.y_test).mean() >= 0.97
    return mnist, network


@pytest.mark.slow
@pytest.mark.parametrize("case", list(CASES)[:: 3 if os.environ.get("CI") else 1])  # 5 s each
def test_photographed_digits_are_recognised(mnist, case):
    data, network = mnist
    angle, change, least = CASES[case]
    known = np.flatnonzero(network.logits(data.x_test[:60]).argmax(axis=1) == data.y_test[:60])[:DIGITS]
    pictures = []
    for row in known:
        sheet, free, generator = written(data.x_test[row], row, angle)
        sheet = sheet if change is None else change(sheet, free, generator)
        pictures.append(fit_picture(np.clip(sheet, 0, 255).astype(np.uint8), (28, 28), True))
    right = np.array([class_probabilities(network, "pixels", each).argmax() for each in pictures]) == data.y_test[known]
    assert right.sum() >= least, f"wrong: {known[~right]}"


@pytest.mark.parametrize("change", [None, shaded(0.4), ruled(170), ruled(120, 0.04)])
def test_nothing_is_drawn_on_an_empty_sheet(change):
    sheet = paper(3) if change is None else change(paper(3), None, np.random.default_rng(0))
    fitted = fit_picture(np.clip(sheet, 0, 255).astype(np.uint8), (28, 28), True)
    assert fitted.doubts == ("nothing is drawn on it",)
    assert not fitted.picture.any()


def ring(contrast, at=(240, 320), radius=80):
    """A circle drawn with a pen of 12 pixels."""
    distance = np.hypot(ROWS - at[0], COLUMNS - at[1])
    return np.where(abs(distance - radius) < 6, contrast, 0.0)


def test_doubts_name_what_is_unusual():
    sheet = paper(0)
    plain = fit_picture((sheet - ring(150)).clip(0, 255).astype(np.uint8), (28, 28), True)
    assert plain.doubts == ()
    faint = fit_picture((sheet - ring(25)).clip(0, 255).astype(np.uint8), (28, 28), True)
    assert faint.doubts == ("low contrast",)
    two = sheet - ring(150, (240, 150)) - ring(150, (240, 480), 60)
    assert fit_picture(two.clip(0, 255).astype(np.uint8), (28, 28), True).doubts == (
        "2 separate drawings: the largest was taken",
    )
    large = fit_picture((sheet - ring(150, radius=239)).clip(0, 255).astype(np.uint8), (28, 28), True)
    assert any("touches the border" in doubt for doubt in large.doubts)


def tee(angle):
    """A T of 140 x 100 pixels, turned to the left by `angle` degrees."""
    sheet = np.zeros((300, 300), np.uint8)
    sheet[80:100, 100:200] = sheet[80:220, 140:160] = 255
    return np.asarray(Image.fromarray(sheet).rotate(angle, Image.Resampling.BICUBIC))


def fall(picture):
    """By how many rows the bar of a T is lower on the right than on the left."""
    bar = picture[:14]
    columns = np.flatnonzero(bar.any(axis=0))
    left, right = (bar[:, part].sum(axis=1) for part in (columns[:3], columns[-3:]))
    return np.average(np.arange(14), weights=right) - np.average(np.arange(14), weights=left)


def lean(picture):
    """By how many columns the stem of a T lies farther to the right at the bottom than at half its height."""
    rows = np.flatnonzero(picture.any(axis=1))
    middle, bottom = (picture[part].sum(axis=0) for part in (rows[10:13], rows[-3:]))
    return np.average(np.arange(28), weights=bottom) - np.average(np.arange(28), weights=middle)


@pytest.mark.parametrize("angle", [0, 15, -15, 20])
def test_a_turned_drawing_is_sheared_and_turned_upright(angle):
    """Counted to the left, so that the bar of the T falls and its stem leans to the right; shearing leaves the bar."""
    drawn, sheared, turned = fit_picture(tee(angle), (28, 28), True).views
    slope = np.tan(np.deg2rad(angle))
    assert fall(drawn) == pytest.approx(-11 * slope, abs=1)
    assert lean(drawn) == pytest.approx(7.5 * slope, abs=0.8)
    assert abs(lean(sheared)) < 0.8
    assert fall(sheared) == pytest.approx(-11 * slope, abs=1.5)
    assert abs(lean(turned)) < 0.8
    assert abs(fall(turned)) < 1


def test_only_a_drawing_that_is_centred_has_views():
    assert len(fit_picture(tee(15), (28, 28), True).views) == 3
    assert len(fit_picture(tee(15), (28, 28), True, centred=False).views) == 1
    assert len(fit_picture(tee(15)[100:128, 100:128], (28, 28), True).views) == 1  # of the network's own size
    assert len(fit_picture(np.full((60, 60), 9, np.uint8), (28, 28), True).views) == 1


def test_the_answer_is_the_mean_over_the_views():
    network, fitted = Network([nn.Flatten(), nn.Dense(3)], (28, 28)), fit_picture(tee(20), (28, 28), True)
    each = [network.predict_proba(view[None])[0] for view in fitted.views]
    assert class_probabilities(network, "pixels", fitted) == pytest.approx(np.sum(each, axis=0) / 3, abs=1e-6)
    assert abs(each[0] - each[2]).max() > 0.01


def test_a_thin_pen_is_drawn_broader():
    """One pixel of 28 is thinner than any stroke of MNIST: it would come out grey."""
    distance = np.hypot(ROWS - 240, COLUMNS - 320)
    sheet = np.where(abs(distance - 150) < 1.5, 40, 230).astype(np.uint8)
    picture = fit_picture(sheet, (28, 28), True).picture
    assert np.percentile(picture[picture > 0], 80) > 200


def test_a_small_drawing_on_a_large_sheet_is_seen_from_near():
    sheet = np.full((1000, 1500), 225, np.uint8)
    rows, columns = np.mgrid[:1000, :1500]
    sheet[abs(np.hypot(rows - 700, columns - 900) - 50) < 8] = 40
    fitted = fit_picture(sheet, (28, 28), True).picture
    large = fit_picture(sheet[600:800, 800:1000], (28, 28), True).picture
    assert abs(fitted.astype(int) - large).mean() < 6


def test_the_ground_of_training_images_is_found_where_it_is_plain():
    dark = np.zeros((40, 12, 12), np.uint8)
    dark[:, 4:8, 4:8] = 200
    assert light_background(dark) is False
    assert light_background(255 - dark) is True
    assert light_background(np.random.default_rng(0).integers(0, 255, (40, 12, 12), np.uint8)) is None
    assert dark_on_light(255 - dark[0], drawn=False)


def test_unlike_is_what_lies_farther_than_test_images_do():
    generator = np.random.default_rng(0)
    line = np.eye(12, dtype=np.uint8)[None] * 200
    train, test = (np.minimum(line + generator.integers(0, 40, (count, 12, 12), np.uint8), 255) for count in (200, 100))
    known = familiarity(train, test)
    assert known.unlike(test).sum() <= 1
    assert known.unlike(line[:, ::-1])[0]
    assert not known.unlike(test[:1] // 2)[0]  # darker, and otherwise the same


def test_trust_is_the_share_of_right_answers_with_such_a_probability():
    probability = np.r_[np.linspace(0.5, 0.6, 60), np.linspace(0.9, 1.0, 60)]
    scores = np.stack([probability, 1 - probability], axis=1)
    labels = np.r_[np.arange(60) % 2, np.zeros(60, int)]  # half of the first ones are wrong, none of the others
    predictions = Predictions(scores, labels, ("a", "b"), True)
    assert trust(predictions, 0.55) == (0.5, 50)
    assert trust(predictions, 0.97) == (1.0, 50)
