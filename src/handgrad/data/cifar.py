"""CIFAR-10 and CIFAR-100 in their binary version: an image is a byte or two of labels, then 1,024 bytes a colour.

The colours are red, green and blue, each row by row; of CIFAR-100's two labels, the second is the class. The Python
version is a pickle, which is never opened.

Ref     Krizhevsky, Learning multiple layers of features from tiny images, 2009
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from handgrad.data.dataset import Dataset, Images
from handgrad.data.idx import REMEDY
from handgrad.data.idx_sets import classes_of, sections
from handgrad.data.places import read_file
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError

SHAPE, PIXELS = (3, 32, 32), 3 * 32 * 32
MAX_BYTES = 1 << 28  # of a file
TRAIN_FILE, TEST_FILE = re.compile(r"(data_batch_\d+|train)\.bin"), re.compile(r"(test_batch|test)\.bin")
LABEL_BYTES = {10: 1, 100: 2}  # in front of each image, by the number of classes


def cifar_files(folder: Path) -> list[Path]:
    """The training and test files of CIFAR's format in a folder, by their names, or in its only sub-folder."""
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found = [path for path in inside if TRAIN_FILE.fullmatch(path.name) or TEST_FILE.fullmatch(path.name)]
    return found if found or len(inside) != 1 or not inside[0].is_dir() else cifar_files(inside[0])


def load_cifar_folder(folder: Path, files: list[Path]) -> Dataset:
    """The data set in files of CIFAR's format, of however many images; named as CIFAR's are where no file names them.

    Raises  CorruptDataError for a file that is of neither format, or where there is no training file.
    """
    contents = {path.name: read_file(path, MAX_BYTES) for path in files}
    classes = _classes(contents, folder)
    train, test = (
        cifar_part([each for name, each in contents.items() if pattern.fullmatch(name)], classes)
        for pattern in (TRAIN_FILE, TEST_FILE)
    )
    if train is None:
        raise CorruptDataError(f"{folder}: {', '.join(contents)} but no training file, such as data_batch_1.bin")
    names = next(classes_of(section) for section in sections() if section.name == f"cifar{classes}")
    return assemble(folder.resolve().name, train, test, names)


def _classes(contents: Mapping[str, bytes], folder: Path) -> int:
    """10 or 100: the set in whose format all files are of whole images, with labels that are classes."""
    for classes, width in LABEL_BYTES.items():
        size = width + PIXELS
        if all(len(each) % size == 0 and max(each[width - 1 :: size]) < classes for each in contents.values()):
            return classes
    sizes = ", ".join(f"{name} {len(each)} bytes" for name, each in contents.items())
    expected = "images of 3073 bytes (a label below 10, then the pixels) or 3074 (two labels, the second below 100)"
    raise CorruptDataError(f"{folder}: {sizes}, expected CIFAR's binary format: {expected}. {REMEDY}")


def cifar_part(contents: list[bytes], classes: int) -> Part | None:
    """The images and labels of sound files, None where there are none."""
    width = LABEL_BYTES[classes]
    rows = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, width + PIXELS)
    images: Images = np.ascontiguousarray(rows[:, width:]).reshape(-1, *SHAPE)
    return Part(images, rows[:, width - 1].astype(np.int64)) if contents else None
