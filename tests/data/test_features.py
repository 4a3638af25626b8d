"""Features in place of images: computed once, kept, and never served wrong."""

import numpy as np
import pytest

from handgrad.data import FEATURES, Dataset, load, with_features
from handgrad.data import features as features_module
from handgrad.data.features import Hog
from handgrad.errors import CorruptDataError, UsageError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder; returns where features are kept."""
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(tmp_path))
    return tmp_path / "features"


@pytest.fixture
def counted(monkeypatch):
    """How many images went through HOG."""
    seen = []
    compute = Hog.__call__
    monkeypatch.setattr(Hog, "__call__", lambda self, images: seen.append(len(images)) or compute(self, images))
    return seen


def test_the_data_set_with_features(cache):
    digits = load("digits")
    featured = with_features(digits, "hog")
    np.testing.assert_array_equal(featured.x_test, Hog()(digits.x_test))
    np.testing.assert_array_equal(featured.x_train[:9], Hog()(digits.x_train[:9]))
    np.testing.assert_array_equal(featured.y_train, digits.y_train)
    assert (featured.input_shape, featured.image_shape) == ((64,), (8, 8))
    assert featured.fingerprint != digits.fingerprint
    assert not featured.x_train.flags.writeable


def test_pixels_are_left_alone(cache):
    digits = load("digits")
    assert with_features(digits, "pixels") is digits
    assert not cache.exists()


def test_what_is_kept_equals_what_is_computed(cache, counted):
    digits = load("digits")
    fresh = with_features(digits, "hog")
    assert sum(counted) == 1797
    kept = with_features(digits, "hog")
    assert sum(counted) == 1797
    assert len(list(cache.iterdir())) == 2
    for part in ("x_train", "x_test"):
        np.testing.assert_array_equal(getattr(kept, part), getattr(fresh, part))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: b"",
        lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
        lambda content: b"\0" * len(content),
    ],
)
def test_a_damaged_file_is_computed_anew(cache, counted, damage):
    images = load("digits").x_test
    whole = features_module.through_cache(Hog(), images, "test")
    (file,) = cache.iterdir()
    content = file.read_bytes()
    file.write_bytes(damage(content))
    np.testing.assert_array_equal(features_module.through_cache(Hog(), images, "test"), whole)
    assert counted == [359, 359]
    assert file.read_bytes() == content


def test_other_images_and_other_parameters_are_other_files(cache, counted):
    images = load("digits").x_test
    features_module.through_cache(Hog(), images, "test")
    features_module.through_cache(Hog(), 255 - images, "test")
    features_module.through_cache(Hog(), images.reshape(359, 4, 16), "test")
    features_module.through_cache(Hog(steps=4), images, "test")
    assert counted == [359] * 4
    assert len(list(cache.iterdir())) == 4


def test_a_cache_that_cannot_be_written_costs_only_time(cache, caplog):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    caplog.set_level("INFO", "handgrad")
    features = with_features(load("digits"), "hog")
    assert features.x_test.shape == (359, 64)
    assert "are not kept for the next time" in caplog.text


def test_a_long_wait_is_announced(cache, caplog, monkeypatch):
    monkeypatch.setattr(features_module, "SLOW", 359)
    caplog.set_level("INFO", "handgrad")
    features_module.through_cache(Hog(), load("digits").x_test, "hog features of digits, test images")
    assert caplog.messages == ["hog features of digits, test images: computing those of 359 images"]


def test_unknown_features():
    with pytest.raises(UsageError, match=r"features must be one of pixels, hog, got 'sift' \(--features\)"):
        with_features(load("digits"), "sift")
    assert list(FEATURES) == ["pixels", "hog"]


def test_features_of_other_types_are_no_data_set():
    y = np.zeros(3, np.int64)
    for x in (np.zeros((3, 5)), np.zeros((3, 2, 2), np.float32), np.zeros((3, 5), np.uint8)):
        with pytest.raises(CorruptDataError, match="expected uint8"):
            Dataset("odd", x, y, x, y, ("a",))
