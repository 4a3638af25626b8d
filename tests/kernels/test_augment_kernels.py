"""Augmentation against SciPy's image filters, and what must not change an image."""

import numpy as np
import pytest
from scipy import ndimage
from tests.rounding import gamma, largest

from handgrad.kernels.augment import augment, displace, gaussian_blur, resample, rotate

KEY = np.uint64(77)
MIXING = 16  # operations of a weighted mean of four pixels
OFF = {"noise": 0.0, "shift": 0.0, "alpha": 0.0, "sigma": 4.0, "flip": 0.0, "rotation": 0.0, "crop": 0, "cutout": 0}


def augmented(images, key=KEY, background=0.0, **changed):
    """`images` (N, H, W) as the network would see them, pixels scaled from 0..255 to 0..1."""
    real = images.dtype.type
    settings = np.array([*images.shape[-2:], *(OFF | changed).values()])
    x = images.ravel().copy()
    augment(x, len(images), settings, np.array([1 / 255], real), np.array([background], real), key)
    return x.reshape(images.shape)


def pictures(dtype="float64", shape=(3, 9, 7)):
    return np.random.default_rng(1).random(shape).astype(dtype)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_blur(sigma):
    field = pictures()[0]
    reach = int(np.ceil(3 * sigma))
    expected = ndimage.gaussian_filter(field, sigma, mode="constant", radius=reach)
    gaussian_blur(field, np.empty_like(field), sigma)
    # Positive terms in three sums of 2 reach + 1, that of the taps too; exp of up to -4.5 has three operations before.
    np.testing.assert_allclose(field, expected, rtol=2 * gamma(3 * (2 * reach + 1) + 2 * 20))


@pytest.mark.parametrize("fill", [0.0, -0.5])
def test_resample(fill):
    image = pictures()[0]
    down, right = np.random.default_rng(2).normal(0, 3, (2, *image.shape))
    rows, columns = np.indices(image.shape)
    places = np.array([rows + down, columns + right])
    out = np.empty_like(image)
    resample(image, out, down, right, fill)
    expected = ndimage.map_coordinates(image, places, order=1, mode="grid-constant", cval=fill)
    # A weight is off by as much as the place it is taken from; no pixel is above 1.
    np.testing.assert_allclose(out, expected, rtol=0, atol=2 * gamma(MIXING) * largest(places))


def test_all_off_changes_nothing():
    assert np.array_equal(augmented(pictures()), pictures())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shift_moves_a_picture_as_a_whole(dtype):
    image = np.zeros((1, 21, 21), dtype)
    image[0, 8:13, 8:13] = 1
    for key in range(20):
        moved = augmented(image, np.uint64(key), shift=3.0)[0]
        assert moved.dtype == dtype
        rounding = 2 * gamma(36 + MIXING, dtype)  # of a sum of 6 by 6 pixels, each a mean
        assert moved.sum() == pytest.approx(25, rel=rounding), "nothing leaves a picture with a wide margin"
        centre = np.array(ndimage.center_of_mass(moved))
        assert (np.abs(centre - 10) <= 3.0 + 20 * rounding).all()
        assert (centre != 10).any()


def test_what_comes_in_from_outside_is_a_black_pixel_as_the_network_sees_it():
    image = np.full((1, 5, 5), -0.5)
    np.testing.assert_allclose(augmented(image, background=-0.5, shift=4.0), image, rtol=2 * gamma(MIXING))


def test_elastic_displacement_is_smooth_and_as_strong_as_asked():
    field = np.empty((40, 40))
    displace(field, np.empty_like(field), KEY, 0.0, 30.0, 4.0)
    # alpha times the blur of U(-1, 1), whose variance is 1/3: inside, its variance is alpha^2 / 3 * sum(taps^2)^2,
    # and sum(taps^2) = 1 / (2 sigma sqrt(pi)) for a Gaussian: a standard deviation of 30 / sqrt(3) / 14.18 = 1.22.
    assert field[12:-12, 12:-12].std() == pytest.approx(1.22, rel=0.5)
    assert np.abs(np.diff(field)).max() < field.std()


def test_noise_is_normal_and_scaled_to_the_pixels():
    flat = np.zeros((10, 50, 50))
    noise = augmented(flat, noise=0.2 * 255)
    # 25,000 numbers: the mean scatters by 0.2 / sqrt(25000) = 0.0013, the deviation by 0.2 / sqrt(50000) = 0.0009
    assert abs(noise.mean()) < 5 * 0.0013
    assert abs(noise.std() - 0.2) < 5 * 0.0009


def colours(shape=(4, 3, 9, 7)):
    return np.random.default_rng(1).random(shape)


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_flips_are_as_frequent_as_asked(flip):
    images = colours((200, 3, 4, 5))
    found = augmented(images, flip=flip)
    mirrored = (found == images[..., ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (found == images).all(axis=(1, 2, 3))).all()
    assert abs(mirrored.mean() - flip) < 5 * np.sqrt(0.25 / 200) * (flip == 0.5) + 1e-9


def test_a_crop_is_a_piece_of_the_padded_image():
    images = colours((300, 3, 6, 5))
    padded = np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=-0.5)
    places = set()
    for image, frame in zip(augmented(images, background=-0.5, crop=2), padded, strict=True):
        places.update((i, j) for i in range(5) for j in range(5) if (frame[:, i : i + 6, j : j + 5] == image).all())
    assert places == {(i, j) for i in range(5) for j in range(5)}


def test_cutout_sets_a_square_to_zero():
    found = augmented(colours((200, 3, 10, 12)) + 1, cutout=4) == 0
    assert (found == found[:, :1]).all(), "the same square in every channel"
    sizes = set()
    for hole in found[:, 0]:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (4, 4)
    assert min(min(size) for size in sizes) == 2, "at the border, half of it is outside"


def test_rotation_is_about_the_middle_and_by_at_most_the_angle():
    """A bar through the middle of a square: its direction is that of its moments."""
    bar = np.zeros((1, 1, 31, 31))
    bar[0, 0, 14:17, 4:27] = 1
    down, right = np.indices((31, 31)) - 15
    angles = []
    for key in range(30):
        turned = augmented(bar, np.uint64(key), rotation=20.0)[0, 0]
        moments = [(turned * product).sum() for product in (down * right, right**2 - down**2, down, right)]
        angles.append(np.degrees(0.5 * np.arctan2(2 * moments[0], moments[1])))
        assert max(map(abs, moments[2:])) / turned.sum() < 0.05
    assert 15 < max(map(abs, angles)) < 20.5
    assert min(angles) < -5 < 5 < max(angles)


def test_a_quarter_turn():
    image = colours((1, 2, 5, 5))[0, 0]
    down, right = np.zeros((2, *image.shape))
    rotate(down, right, np.pi / 2)
    out = np.empty_like(image)
    resample(image, out, down, right, 0.0)
    np.testing.assert_allclose(out, np.rot90(image, -1), atol=1e-12)


def test_channels_move_alike_and_are_filled_with_their_own_black():
    images = np.repeat(colours((5, 1, 9, 7)), 3, axis=1)
    moved = augmented(images, shift=2.0, alpha=5.0, rotation=15.0, crop=1, flip=0.5)
    assert (moved == moved[:, :1]).all()
    assert not np.array_equal(moved, images)


def test_every_image_and_key_differs_and_repeats():
    images = np.tile(pictures(shape=(1, 8, 8)), (2, 1, 1))
    every = {
        "noise": 25.0,
        "shift": 2.0,
        "alpha": 8.0,
        "sigma": 2.0,
        "flip": 0.5,
        "rotation": 5.0,
        "crop": 1,
        "cutout": 2,
    }
    once, again, other = (augmented(images, np.uint64(key), **every) for key in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert not np.array_equal(once[0], once[1])
