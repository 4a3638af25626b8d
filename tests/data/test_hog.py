"""HOG features: against loops over pixels, and against what can be said of a picture by hand."""

import numpy as np
import pytest
from skimage.feature import hog

from handgrad.data import load
from handgrad.data.features import Hog


def naive_hog(image):
    """Every gradient by itself: its direction in steps of 15 degrees, its share of each window and direction."""
    height, width = image.shape
    pixels = image.astype(float)
    v = np.zeros((4, 4, 4))
    for y in range(height):
        for x in range(width):
            down = pixels[y + 1, x] - pixels[y - 1, x] if 0 < y < height - 1 else 0.0
            across = pixels[y, x + 1] - pixels[y, x - 1] if 0 < x < width - 1 else 0.0
            step = int(np.degrees(np.arctan2(down, across)) % 180 // 15)
            for i in range(4):
                for j in range(4):
                    for o in range(4):
                        # Triangles with their middles at 1/5, 2/5, 3/5, 4/5 of a side, and at 0, 45, 90, 135 degrees.
                        tall = max(0, 1 - 5 * abs((y + 0.5) / height - (i + 1) / 5))
                        wide = max(0, 1 - 5 * abs((x + 0.5) / width - (j + 1) / 5))
                        turn = abs(15 * step + 7.5 - 45 * o)
                        near = max(0, 1 - min(turn, 180 - turn) / 45)
                        v[i, j, o] += tall * wide * near * np.hypot(down, across)
    flat = v.ravel()
    return np.sqrt(flat / flat.mean()) if flat.any() else flat


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (9, 5), (3, 30), (1, 1), (1, 7), (2, 2)])
def test_equals_loops_over_pixels(shape):
    images = np.random.default_rng(3).integers(0, 256, (2, *shape)).astype(np.uint8)
    expected = [naive_hog(image) for image in images]
    np.testing.assert_allclose(Hog()(images), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(28, 28), (9, 5), (1, 4), (2, 2)])
@pytest.mark.parametrize("colours", [3, 256])
def test_gradients_are_those_of_scikit_image_to_the_last_bit(shape, colours):
    images = np.random.default_rng(5).integers(0, colours, (20, *shape)).astype(np.uint8)
    whole = {"pixels_per_cell": (1, 1), "cells_per_block": shape, "block_norm": "L1"}
    expected = [hog(image, 12, **whole).reshape(*shape, 12) for image in images]
    np.testing.assert_array_equal(list(Hog()._binned(images)), expected)


def test_64_numbers_of_mean_square_1():
    features = Hog()(load("digits").x_test)
    assert features.shape == (359, Hog().size) == (359, 64)
    assert features.dtype == np.float32
    np.testing.assert_allclose((features**2).mean(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(Hog()(load("digits").x_test), features)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_without_edges_there_is_nothing(value):
    assert not Hog()(np.full((2, 28, 28), value, np.uint8)).any()


def test_no_images():
    assert Hog()(np.zeros((0, 28, 28), np.uint8)).shape == (0, 64)


def test_a_vertical_edge():
    """Dark left, light right: two columns of gradients across, of 0 degrees, so of the step from 0 to 15.

    The middle of that step is a sixth of the way from 0 to 45 degrees: the directions share it 5 to 1. The columns have
    their middles at 7/16 and 9/16 of the width; the windows around 2/5 and 3/5 share them, the outer two see nothing.
    """
    image = np.zeros((8, 8), np.uint8)
    image[:, 4:] = 200
    energy = (Hog()(image[None]) ** 2).reshape(4, 4, 4)
    np.testing.assert_allclose(energy[:, 1, 0], 5 * energy[:, 1, 1], rtol=1e-4)
    np.testing.assert_allclose(energy[:, 1], energy[:, 2], rtol=1e-4)
    assert energy[:, 1, 0].min() > 0
    assert not energy[:, [0, 3]].any()
    assert not energy[..., 2:].any()


def test_a_horizontal_edge_is_the_vertical_one_turned():
    """90 degrees is where the step from 90 to 105 begins: directions 2 and 3 in place of 0 and 1."""
    image = np.zeros((8, 8), np.uint8)
    image[:, 4:] = 200
    across, down = (Hog()(each[None]).reshape(4, 4, 4) for each in (image, image.T))
    np.testing.assert_allclose(down[..., [2, 3, 0, 1]], across.swapaxes(0, 1), atol=1e-5)


def test_contrast_does_not_matter_and_neither_does_light_on_dark():
    image = np.random.default_rng(4).integers(0, 120, (1, 28, 28)).astype(np.uint8)
    np.testing.assert_allclose(Hog()(2 * image), Hog()(image), atol=1e-4)
    # Gradients the other way round have the same direction; the few of exactly 0 or 90 degrees keep their step too.
    np.testing.assert_allclose(Hog()(255 - image), Hog()(image), atol=1e-4)


def test_a_shift_of_a_pixel_matters_less_than_another_digit():
    x = load("digits").x_train
    digits = np.zeros((2, 28, 28), np.uint8)
    digits[0, 6:22, 6:22], digits[1, 6:22, 6:22] = (np.kron(x[k], np.ones((2, 2), np.uint8)) for k in (0, 1))
    first, other = Hog()(digits)
    (shifted,) = Hog()(np.roll(digits[:1], 1, axis=2))
    assert np.linalg.norm(shifted - first) < 0.5 * np.linalg.norm(other - first)
