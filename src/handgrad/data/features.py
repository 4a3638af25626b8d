"""What enters a model in place of an image's pixels: computed once for a data set, and kept for the next time."""

import hashlib
import io
import logging
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Dataset, Images
from handgrad.data.images import in_grey
from handgrad.data.places import cache_root
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.files import atomic_write, read_file

Array = NDArray[np.float32]
log = logging.getLogger("handgrad")
ROWS = 1000  # between two signs of life
SLOW = 10_000  # images that take more than a second or two
DIGEST_BYTES = 32
EPSILON = 1e-5  # no division by zero where an image is of one colour
CODE = "own, 1"  # another one where the numbers change, for what was kept is then of no use


@dataclass(frozen=True)
class Hog:
    """How much the brightness changes in each of 4 directions, seen through each of 4 x 4 windows.

    The gradient at every pixel is binned by its direction in 12 steps of 15 degrees. Steps are shared among the
    4 directions, and pixels among the windows, in proportion to how near they are: without that sharing a stroke that
    crosses a border jumps from one number to another, which costs a point of accuracy on MNIST.

    Shapes  (N, H, W) uint8 -> (N, cells * cells * orientations) float32, window by window
    Math    v[i, j, o] = sum_yx down[i, y] across[j, x] sum_b near[b, o] gradient[y, x, b];  sqrt(v / mean(v))
    Ref     Dalal & Triggs, Histograms of Oriented Gradients for Human Detection, 2005
    """

    cells: int = 4
    orientations: int = 4
    steps: int = 12

    @property
    def size(self) -> int:
        """How many numbers an image becomes."""
        return self.cells * self.cells * self.orientations

    def __call__(self, images: Images) -> Array:
        """The features of each image; those of one without a gradient are zeros."""
        down, across = (_windows(size, self.cells) for size in images.shape[1:])
        near = _near(self.steps, self.orientations)
        sums = [
            np.einsum("iy,jx,yxb,bo->ijo", down, across, each, near, optimize=True) for each in self._binned(images)
        ]
        v = np.array(sums, np.float32).reshape(len(images), self.size)
        mean = v.mean(axis=1, keepdims=True)
        return np.sqrt(np.divide(v, mean, out=np.zeros_like(v), where=mean > 0))

    def _binned(self, images: Images) -> Any:
        """For each image, the size of the gradient at every pixel, in the step of its direction."""
        borders = 180 / self.steps * np.arange(self.steps + 1)
        for image in images.astype(float):
            down, across = np.zeros_like(image), np.zeros_like(image)
            down[1:-1] = image[2:] - image[:-2]
            across[:, 1:-1] = image[:, 2:] - image[:, :-2]
            step = np.searchsorted(borders, np.rad2deg(np.arctan2(down, across)) % 180, "right") - 1
            size = np.hypot(across, down).astype(np.float32).astype(float)  # scikit-image adds up in single precision
            binned = np.where(step[..., None] == np.arange(self.steps), size[..., None], 0.0)
            yield binned / (binned.sum() + EPSILON)


def _windows(pixels: int, windows: int) -> NDArray[np.float64]:
    """Triangles over a side of the image, each from the middle of the one before it to the middle of the next.

    Shapes  -> (windows, pixels)
    """
    middles = np.arange(1, windows + 1) / (windows + 1)
    places = (np.arange(pixels) + 0.5) / pixels
    return np.maximum(0, 1 - np.abs(places - middles[:, None]) * (windows + 1))


def _near(steps: int, orientations: int) -> NDArray[np.float64]:
    """The share of each direction in each step; direction o has its middle at o / orientations of a half turn.

    Shapes  -> (steps, orientations)
    """
    middles = (np.arange(steps) + 0.5) / steps * orientations
    away = np.abs(middles[:, None] - np.arange(orientations))
    return np.maximum(0, 1 - np.minimum(away, orientations - away))


FEATURES: dict[str, Hog | None] = {"pixels": None, "hog": Hog()}


def with_features(dataset: Dataset, name: str) -> Dataset:
    """The data set with vectors for images, the same for the same pixels; "pixels" leaves it as it is.

    They are kept in the user's cache folder. Nothing is learned from the images: test images stay unseen. Of images in
    colour the brightness counts.

    Shapes  x_train, x_test (N, H, W) uint8 -> (N, D) float32
    Raises  UsageError for an unknown name.
    """
    if name not in FEATURES:
        raise UsageError(f"features must be one of {', '.join(FEATURES)}, got {name!r} (--features)")
    extractor = FEATURES[name]
    if extractor is None:
        return dataset
    dataset = in_grey(dataset)
    return replace(
        dataset,
        x_train=through_cache(extractor, dataset.x_train, f"{name} features of {dataset.name}, training images"),
        x_test=through_cache(extractor, dataset.x_test, f"{name} features of {dataset.name}, test images"),
        pictures=dataset.image_shape,
        fingerprint=hashlib.sha256(f"{dataset.fingerprint} {extractor!r}".encode()).hexdigest(),
    )


def through_cache(extractor: Hog, images: Images, what: str) -> Array:
    """The features of `images`: read when they were computed before by the same code, else computed and kept."""
    sha = hashlib.sha256(f"{extractor!r} {CODE} {images.shape}".encode())
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
    features, total = np.empty((len(images), extractor.size), np.float32), len(images)
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if total >= SLOW and not terminal:
        log.info("%s: computing those of %d images", what, total)
    for start in range(0, total, ROWS):
        features[start : start + ROWS] = extractor(images[start : start + ROWS])
        done = min(start + ROWS, total)
        if total >= SLOW and terminal:
            with suppress(OSError):
                sys.stderr.write(f"\r{what}: {100 * done // total:3d} %" + ("\n" if done == total else ""))
                sys.stderr.flush()
    return features


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
