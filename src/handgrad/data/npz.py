"""An .npz file as a data set: x_train, y_train and perhaps x_test, y_test; or x, y; and perhaps class_names."""

import io
import tokenize
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data.assemble import Part, assemble
from handgrad.data.dataset import Dataset
from handgrad.data.labels import notice_absent, to_labels
from handgrad.data.pixels import to_images
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together
from handgrad.files import open_file

MAX_BYTES = 4 << 30
LAYOUTS = (("x_train", "y_train", "x_test", "y_test"), ("x_train", "y_train"), ("x", "y"))
CLASS_NAMES = "class_names"
AGAIN = "Save it again"


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
        raise CorruptDataError(f"{path}: not a whole .npz file ({error}). {AGAIN}") from error


def _choose_layout(names: set[str], path: Path) -> list[str]:
    for layout in LAYOUTS:
        if names.issuperset(layout):
            # Beside x_train and y_train, a lonely x_test is a mistake and not a set without a test part.
            lonely = sorted(names & {"x_test", "y_test"} - set(layout))
            if lonely and layout[0] == "x_train":
                raise CorruptDataError(f"{path}: {lonely[0]} without its partner, expected x_test and y_test. {AGAIN}")
            return [*layout, *([CLASS_NAMES] if CLASS_NAMES in names else [])]
    found = ", ".join(sorted(names)) or "none"
    raise CorruptDataError(f"{path}: keys are {found}, expected x_train, y_train, x_test, y_test, or x, y. {AGAIN}")


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, field: str) -> NDArray[Any]:
    try:
        with archive.open(info) as member:
            # Told how much to read, zipfile inflates no more, whatever the member holds, and then compares the CRC.
            stream = io.BytesIO(member.read(info.file_size))
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, tokenize.TokenError, zlib.error) as error:
        raise CorruptDataError(f"{field}: cannot be read: {' '.join(str(error).split())}. {AGAIN}") from error
    if stream.read(1):
        raise CorruptDataError(f"{field}: bytes after the end of the array, expected none. {AGAIN}")
    return array


def _class_names(arrays: dict[str, NDArray[Any]], path: Path, classes: int) -> tuple[str, ...]:
    names = arrays.get(CLASS_NAMES)
    if names is None:
        return tuple(str(label) for label in range(classes))
    if names.dtype.kind != "U" or names.ndim != 1 or len(names) < classes:
        raise CorruptDataError(
            f"{path}: {CLASS_NAMES} is {names.dtype} {names.shape}, expected a text for each of {classes}. {AGAIN}"
        )
    return tuple(str(name) for name in names)
