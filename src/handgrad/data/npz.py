"""An .npz file as a data set: x_train, y_train and perhaps x_test, y_test; or x, y; and perhaps class_names."""

import io
import logging
import tokenize
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import MAX_CLASSES, Dataset, Labels
from handgrad.data.pixels import to_images
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together
from handgrad.files import open_file

log = logging.getLogger("handgrad")
MAX_BYTES = 4 << 30
LAYOUTS = (("x_train", "y_train", "x_test", "y_test"), ("x_train", "y_train"), ("x", "y"))
CLASS_NAMES = "class_names"
REMEDY = "Save it again"


class Numbered(NamedTuple):
    """Labels (N,) and the number of classes, which may be more than occur."""

    labels: Labels
    classes: int


def to_labels(array: NDArray[Any], field: str) -> Numbered:
    """Whole-numbered labels from integers, whole floats, a column of them, or one-hot rows.

    Raises  CorruptDataError naming the field and the first wrong row.
    """
    if array.dtype.kind not in "buif":
        example = repr(array.flat[0].item())[:40] if array.size else "nothing"
        raise CorruptDataError(f"{field}: labels are {array.dtype} such as {example}, expected whole numbers from 0")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _from_one_hot(array, field)
    if array.ndim != 1 or array.size == 0:
        raise CorruptDataError(f"{field}: shape {array.shape}, expected (N,) labels, or (N, classes) one-hot")
    faults: list[HandgradError] = []
    with collecting(faults):
        _refuse(array, ~((array >= 0) & (array < MAX_CLASSES)), field, f"0 to {MAX_CLASSES - 1}")
    with collecting(faults), np.errstate(invalid="ignore"):
        _refuse(array, np.isfinite(array) & (array != np.trunc(array)), field, "a whole number")
    raise_together(faults)
    labels = array.astype(np.int64)
    return Numbered(labels, 1 + int(labels.max()))


def notice_absent(name: str, labels: Labels, classes: int) -> None:
    """Say once which classes have no member."""
    absent = sorted(set(range(classes)) - set(np.unique(labels).tolist()))
    if absent:
        listed = ", ".join(map(str, absent[:10])) + (", …" if len(absent) > 10 else "")
        log.warning("data set %s: no member of class %s among 0 to %d", name, listed, classes - 1)


def _from_one_hot(array: NDArray[Any], field: str) -> Numbered:
    ones = array == 1
    wrong = (ones.sum(axis=1) != 1) | ((array != 0) != ones).any(axis=1)
    if wrong.any() or array.size == 0:
        row = int(np.argmax(wrong)) if array.size else 0
        raise CorruptDataError(f"{field}: row {row} of shape {array.shape} is not one-hot, expected (N,) or one-hot")
    log.warning("%s: one-hot rows were turned into labels 0 to %d", field, array.shape[1] - 1)
    return Numbered(ones.argmax(axis=1).astype(np.int64), array.shape[1])


def _refuse(array: NDArray[Any], wrong: NDArray[np.bool_], field: str, expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        more = f" and in {len(rows) - 1} other rows" if len(rows) > 1 else ""
        what = f"label {array[rows[0]]} in row {rows[0]}{more}, expected {expected}"
        raise CorruptDataError(f"{field}: {what}. Mend the labels")


def load_npz(path: Path) -> Dataset:
    """The data set in the arrays of `path`.

    Raises  FileSystemError when there is no regular file; CorruptDataError naming file and field for anything wrong.
    """
    arrays = _read_arrays(path)
    images_keys = [key for key in arrays if key.startswith("x")]
    faults: list[HandgradError] = []
    numbered = []
    with collecting(faults):
        images, pixels = to_images(path.name, {f"{path}: {key}": arrays[key] for key in images_keys})
    for key in images_keys:
        with collecting(faults):
            labels_key = key.replace("x", "y", 1)
            numbered.append(to_labels(arrays[labels_key], f"{path}: {labels_key}"))
    raise_together(faults)
    class_names = _class_names(arrays, path, max(classes for _, classes in numbered))
    notice_absent(path.name, np.concatenate([labels for labels, _ in numbered]), len(class_names))
    parts = [Part(part, labels) for part, (labels, _) in zip(images, numbered, strict=True)]
    whole = assemble(path.name, parts[0], parts[1] if len(parts) > 1 else None, class_names)
    return replace(whole, pixel_range=pixels)


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = _choose_layout(set(names), path)
            size = sum(names[key].file_size for key in wanted)
            if size > MAX_BYTES:
                raise CorruptDataError(f"{path}: arrays take {size} bytes, expected at most {MAX_BYTES}. Save fewer")
            arrays, faults = {}, list[HandgradError]()
            for key in wanted:
                with collecting(faults):
                    arrays[key] = _read_array(archive, names[key], f"{path}: {key}")
            raise_together(faults)
            return arrays
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise CorruptDataError(f"{path}: not a whole .npz file ({error}). {REMEDY}") from error


def _choose_layout(names: set[str], path: Path) -> list[str]:
    for layout in LAYOUTS:
        if names.issuperset(layout):
            # Beside x_train and y_train, a lonely x_test is a mistake and not a set without a test part.
            lonely = sorted(names & {"x_test", "y_test"} - set(layout))
            if lonely and layout[0] == "x_train":
                raise CorruptDataError(f"{path}: {lonely[0]} without its partner, expected x_test and y_test. {REMEDY}")
            return [*layout, *([CLASS_NAMES] if CLASS_NAMES in names else [])]
    found = ", ".join(sorted(names)) or "none"
    raise CorruptDataError(f"{path}: keys are {found}, expected x_train, y_train, x_test, y_test, or x, y. {REMEDY}")


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, field: str) -> NDArray[Any]:
    try:
        with archive.open(info) as member:
            # Told how much to read, zipfile inflates no more, whatever the member holds, and then compares the CRC.
            stream = io.BytesIO(member.read(info.file_size))
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, tokenize.TokenError, zlib.error) as error:
        raise CorruptDataError(f"{field}: cannot be read: {' '.join(str(error).split())}. {REMEDY}") from error
    if stream.read(1):
        raise CorruptDataError(f"{field}: bytes after the end of the array, expected none. {REMEDY}")
    return array


def _class_names(arrays: dict[str, NDArray[Any]], path: Path, classes: int) -> tuple[str, ...]:
    names = arrays.get(CLASS_NAMES)
    if names is None:
        return tuple(str(label) for label in range(classes))
    if names.dtype.kind != "U" or names.ndim != 1 or len(names) < classes:
        raise CorruptDataError(
            f"{path}: {CLASS_NAMES} is {names.dtype} {names.shape}, expected a text for each of {classes}. {REMEDY}"
        )
    return tuple(str(name) for name in names)
