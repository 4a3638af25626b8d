"""Pictures from the world, brought into the form of the training images."""

import numpy as np
import pytest
from PIL import Image
from tests.ingredients import nn, optim

from handgrad.data import load, split
from handgrad.errors import UsageError
from handgrad.evaluation.picture import fit_picture
from handgrad.nn import Network
from handgrad.training import fit


def box(picture):
    """(top, bottom, left, right) of what is lighter than black, ends included."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


def bar(height, width, canvas=(300, 200), at=(10, 20)):
    """A white bar on black."""
    picture = np.zeros(canvas, np.uint8)
    picture[at[0] : at[0] + height, at[1] : at[1] + width] = 255
    return picture


def test_a_picture_of_the_right_size_is_not_moved():
    picture = bar(3, 2, (28, 28), (1, 1))
    for given, inverted in ((picture, False), (255 - picture, True)):
        result = fit_picture(given, (28, 28), True)
        np.testing.assert_array_equal(result[0], picture)
        assert result[1] is inverted


@pytest.mark.parametrize(("height", "width"), [(100, 50), (50, 100), (60, 60), (8, 4), (120, 30)])
def test_proportions_are_kept(height, width):
    """Centred as MNIST did, the longer side fills 20 of 28 pixels; otherwise all of them."""
    for centred, longest in ((True, 20), (False, 28)):
        top, bottom, left, right = box(fit_picture(bar(height, width), (28, 28), centred)[0])
        sides = bottom - top + 1, right - left + 1
        assert max(sides) == longest
        assert min(sides) == pytest.approx(longest * min(height, width) / max(height, width), abs=0.5)


def test_a_bar_lands_in_the_middle():
    for at in ((0, 0), (150, 3), (200, 150)):
        top, bottom, left, right = box(fit_picture(bar(40, 40, at=at), (28, 28), True)[0])
        assert (top, bottom, left, right) in ((4, 23, 4, 23), (5, 24, 5, 24))  # its mass is at 13.5, or at 14.5


def test_the_centre_of_mass_becomes_the_centre():
    """A heavy block with a long thin tail: MNIST centres the mass, at 14.0 counting pixels from 0, not the box."""
    drawing = bar(40, 40, (300, 300), (30, 30))
    drawing[44:56, 70:130] = 255
    picture = fit_picture(drawing, (28, 28), True)[0].astype(float)
    rows, columns = np.indices(picture.shape)
    for axis in (rows, columns):
        assert np.average(axis, weights=picture) == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize("background", [255, 200, 128])
def test_dark_on_light_is_found_and_inverted(background):
    drawing = np.where(bar(60, 20) > 0, 0, background).astype(np.uint8)
    picture, inverted, *_ = fit_picture(drawing, (28, 28), True)
    assert inverted
    assert picture[14, 14] == 255
    assert not fit_picture(bar(60, 20), (28, 28), True)[1]


def test_an_empty_sheet_and_a_single_pixel_are_pictures_too():
    for shade in (0, 255):
        for size in ((1, 1), (1, 500), (500, 1), (50, 50)):
            picture, inverted, *_ = fit_picture(np.full(size, shade, np.uint8), (28, 28), True)
            assert picture.shape == (28, 28)
            assert not picture.any()
            assert inverted == (shade == 255)


@pytest.mark.parametrize("shape", [(8, 8), (28, 20), (1, 5)])
def test_other_shapes(shape):
    assert fit_picture(bar(60, 20), shape, True)[0].shape == shape


def test_not_a_network_for_pictures():
    with pytest.raises(UsageError, match=r"inputs of shape \(64,\), not pictures"):
        fit_picture(bar(60, 20), (64,), False)


def sheet(digit, generator):
    """The digit five times as large, anywhere on a big light sheet, dark on light."""
    large = np.asarray(Image.fromarray(digit).resize((140, 140), Image.Resampling.BICUBIC))
    canvas = np.zeros((400, 300), np.uint8)
    top, left = generator.integers(0, 260), generator.integers(0, 160)
    canvas[top : top + 140, left : left + 140] = large
    return 255 - canvas


def centre_of_mass(images, axis):
    """Of each image, along its rows (1) or columns (2)."""
    mass = images.sum(axis=3 - axis, dtype=float)
    return mass @ np.arange(28) / mass.sum(axis=1)


@pytest.mark.slow
def test_drawings_are_recognised_as_the_originals_are(real_data):
    """200 test digits of MNIST, drawn large, off-centre and dark on light, by a network trained for a second."""
    real_data("mnist")
    mnist = load("mnist")
    network = Network([nn.Flatten(), nn.Dense(64), nn.ReLU(), nn.Dense(10)], (28, 28))
    fit(network, split(mnist, 0.01, 0, 0.3), epochs=4, optimizer=optim.Adam(0.003), batch_size=64)
    images, labels = mnist.x_test[:200], mnist.y_test[:200]
    right = network.logits(images).argmax(axis=1) == labels
    assert right.mean() > 0.9
    generator = np.random.default_rng(0)
    drawn = [fit_picture(sheet(image, generator), (28, 28), True) for image in images]
    assert all(inverted for _, inverted, *_ in drawn)
    fitted = np.stack([picture for picture, *_ in drawn])
    still_right = network.logits(fitted).argmax(axis=1) == labels
    assert still_right[right].mean() >= 0.9
    for axis in (1, 2):
        assert centre_of_mass(fitted, axis).mean() == pytest.approx(centre_of_mass(images, axis).mean(), abs=0.2)
