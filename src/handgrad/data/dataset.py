"""Images and labels, checked once here and trusted by everything above; and what every named data set can do."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from handgrad.data.places import DATA_VARIABLE
from handgrad.errors import CorruptDataError, FileSystemError, raise_together
from handgrad.previews import table_html

MAX_CLASSES = 1000
FORMS = (("uint8", 3), ("uint8", 4), ("float32", 2))  # of grey images, of images in colour, of features

Images = NDArray[np.uint8]
Inputs = NDArray[Any]  # uint8 images, or float32 features
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with their labels, in a training part and a test part that may be empty; the arrays are read-only.

    In place of images there may be their features; `pictures` is the images' shape then. `pixel_range` are
    the values that stood for black and white where the images came from. The last `validation_images` of the training
    part are the validation set that the data came with.

    Shapes  x_train, x_test (N, H, W) or in colour (N, 3, H, W) uint8, or (N, D) float32;
            y_train, y_test (N,) int64 in [0, classes)
    Raises  CorruptDataError when the arrays do not fit together; `fingerprint` is made from them when not given.
    """

    name: str
    x_train: Inputs
    y_train: Labels
    x_test: Inputs
    y_test: Labels
    class_names: tuple[str, ...]
    fingerprint: str = ""
    pictures: tuple[int, ...] | None = None
    pixel_range: tuple[float, float] = (0.0, 255.0)
    validation_images: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= MAX_CLASSES:
            raise CorruptDataError(f"data set {self.name}: got {self.classes} classes, expected 1 to {MAX_CLASSES}")
        if len(set(self.class_names)) != self.classes:
            raise CorruptDataError(f"data set {self.name}: class_names holds a name twice, expected distinct names")
        faults = [*_faults(self, "train"), *_faults(self, "test")]
        if len(self.x_train) == 0:
            faults.append(f"data set {self.name}: x_train holds no images, expected at least one")
        raise_together([CorruptDataError(fault) for fault in faults])
        for part in ("x_train", "y_train", "x_test", "y_test"):
            object.__setattr__(self, part, _read_only(getattr(self, part)))
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", _fingerprint(self))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image_shape))
        parts = f"{len(self.y_train):,} training and {len(self.y_test):,} test images of {shape}"
        return f"Dataset({self.name}: {parts}, {self.classes} classes)"

    def _repr_html_(self) -> str:
        counts = (np.bincount(labels, minlength=self.classes).tolist() for labels in (self.y_train, self.y_test))
        return table_html(("class", "training", "test"), zip(self.class_names, *counts, strict=True), repr(self))

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width) of every image, (3, height, width) in colour; also of those that features stand for."""
        return self.pictures or self.x_train.shape[1:]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.image_shape[0] if len(self.image_shape) == 3 else 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape in which each of them enters a model: an image's, or (D,)."""
        return tuple(self.x_train.shape[1:])

    @property
    def classes(self) -> int:
        """How many classes there are, also those without a member."""
        return len(self.class_names)


def _faults(dataset: Dataset, part: str) -> Iterator[str]:
    where, images, labels = f"data set {dataset.name}", getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
    if (images.dtype.name, images.ndim) not in FORMS or 0 in images.shape[1:] or images.shape[1:-2] not in ((), (3,)):
        yield f"{where}: x_{part} is {images.dtype} {images.shape}, expected uint8 (N, H, W) or (N, 3, H, W)"
    elif images.shape[1:] != dataset.x_train.shape[1:]:
        expected = dataset.x_train.shape[1:]
        yield f"{where}: x_{part} has images of {images.shape[1:]}, expected {expected} as in x_train"
    elif len(images) != len(labels):
        last = images.shape[-1] == len(labels) and images.ndim == 3
        hint = f". The images lie along the last axis: np.moveaxis(x_{part}, -1, 0)" if last else ""
        what = f"{len(labels)} labels for {len(images)} images in x_{part}, expected one each"
        yield f"{where}: y_{part} has {what}{hint}"
    if labels.dtype != np.int64 or labels.ndim != 1:
        yield f"{where}: y_{part} is {labels.dtype} {labels.shape}, expected int64 (N,)"
        return
    wrong = np.flatnonzero((labels < 0) | (labels >= dataset.classes))
    if len(wrong):
        yield f"{where}: y_{part} has label {labels[wrong[0]]} in row {wrong[0]}, expected 0 to {dataset.classes - 1}"


def _read_only(array: NDArray[np.generic]) -> NDArray[np.generic]:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _fingerprint(dataset: Dataset) -> str:
    sha = hashlib.sha256(repr(dataset.class_names).encode())
    if dataset.validation_images:
        sha.update(f"{dataset.validation_images} validate".encode())
    for array in (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test):
        sha.update(repr(array.shape).encode())
        sha.update(array.data)
    return sha.hexdigest()


class Status(NamedTuple):
    """What `data list` shows of a set; `place` is None when it would have to be downloaded."""

    name: str
    title: str
    place: Path | None
    files_ok: int
    files: int
    images: int
    classes: int
    problem: str = ""


class Verdict(NamedTuple):
    """What `data verify` says of one file; `path` is None when it was found nowhere, `problem` is empty when `ok`."""

    file: str
    path: Path | None
    ok: bool
    problem: str = ""


def verdict(file: str, path: Path | None, read: Callable[[Path], object]) -> Verdict:
    """What is wrong with a file, if anything, when it is read from end to end."""
    if path is None:
        return Verdict(file, None, False, f"found nowhere. Fetch it, or set {DATA_VARIABLE}")
    try:
        read(path)
    except (CorruptDataError, FileSystemError) as error:
        return Verdict(file, path, False, str(error))
    return Verdict(file, path, True)


class NamedSet(Protocol):
    """A row of the registry."""

    def load(self) -> Dataset:
        """The data set, downloaded when it has to be."""

    def status(self) -> Status:
        """Where the set lies and whether its files are right, without downloading."""

    def fetch(self) -> Status:
        """Download what is not on this machine yet."""

    def verify(self) -> list[Verdict]:
        """Read every file that is there from end to end."""
