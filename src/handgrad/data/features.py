"""What enters a model in place of an image's pixels: computed once for a data set, and kept for the next time."""

import hashlib
import io
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Dataset, Images
from handgrad.data.hog import Hog
from handgrad.data.places import cache_root
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.files import atomic_write, read_file

log = logging.getLogger("handgrad")

Array = NDArray[np.float32]

FEATURES: dict[str, Hog | None] = {"pixels": None, "hog": Hog()}

ROWS = 1000  # between two signs of life
SLOW = 10_000  # images that take more than a second or two
DIGEST_BYTES = 32


def with_features(dataset: Dataset, name: str) -> Dataset:
    """The data set with vectors for images, the same for the same pixels; "pixels" leaves it as it is.

    They are kept in the user's cache folder. Nothing is learned from the images: test images stay unseen.

    Shapes  x_train, x_test (N, H, W) uint8 -> (N, D) float32
    Raises  UsageError for an unknown name.
    """
    if name not in FEATURES:
        raise UsageError(f"features must be one of {', '.join(FEATURES)}, got {name!r} (--features)")
    extractor = FEATURES[name]
    if extractor is None:
        return dataset
    return replace(
        dataset,
        x_train=through_cache(extractor, dataset.x_train, f"{name} features of {dataset.name}, training images"),
        x_test=through_cache(extractor, dataset.x_test, f"{name} features of {dataset.name}, test images"),
        pictures=dataset.image_shape,
        fingerprint=hashlib.sha256(f"{dataset.fingerprint} {extractor!r}".encode()).hexdigest(),
    )


def through_cache(extractor: Hog, images: Images, what: str) -> Array:
    """The features of `images`: read when they were computed before by the same code, else computed and kept."""
    sha = hashlib.sha256(f"{extractor!r} scikit-image {version('scikit-image')} {images.shape}".encode())
    sha.update(np.ascontiguousarray(images).data)
    path = cache_root() / "features" / f"{sha.hexdigest()}.npy"
    kept = _read(path, (len(images), extractor.size))
    if kept is not None:
        return kept
    computed = _computed(extractor, images, what)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, computed)
    except (OSError, FileSystemError) as error:
        log.info("%s are not kept for the next time: %s", what, error)
    return computed


def _computed(extractor: Hog, images: Images, what: str) -> Array:
    """In parts, with a line on a terminal that counts them, and one plain line before a long wait elsewhere."""
    tell = _counter(what, len(images)) if len(images) >= SLOW else _nothing
    features = np.empty((len(images), extractor.size), np.float32)
    for start in range(0, len(images), ROWS):
        features[start : start + ROWS] = extractor(images[start : start + ROWS])
        tell(min(start + ROWS, len(images)))
    return features


def _counter(what: str, total: int) -> Callable[[int], None]:
    if sys.stderr is None or not sys.stderr.isatty():
        log.info("%s: computing those of %d images", what, total)
        return _nothing

    def tell(done: int) -> None:
        with suppress(OSError):
            sys.stderr.write(f"\r{what}: {100 * done // total:3d} %" + ("\n" if done == total else ""))
            sys.stderr.flush()

    return tell


def _nothing(done: int) -> None:
    """Short work is not talked about."""


def _write(path: Path, features: Array) -> None:
    """The array as .npy, and the SHA-256 of that behind it."""
    content = io.BytesIO()
    np.lib.format.write_array(content, features, allow_pickle=False)
    atomic_write(path, content.getvalue() + hashlib.sha256(content.getvalue()).digest())


def _read(path: Path, shape: tuple[int, int]) -> Array | None:
    """A whole file's array; None for one that is missing, torn or altered."""
    try:
        content = read_file(path)
        whole = hashlib.sha256(content[:-DIGEST_BYTES]).digest() == content[-DIGEST_BYTES:]
        features = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False) if whole else None
    except (HandgradError, ValueError, EOFError):
        return None
    return features if features is not None and features.shape == shape and features.dtype == np.float32 else None
