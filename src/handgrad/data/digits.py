"""The digits that come inside scikit-learn: 1,797 real handwritten digits of 8 x 8 pixels, no download needed."""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from handgrad.data.dataset import Dataset, Status, Verdict, verdict
from handgrad.data.places import require_file
from handgrad.data.splits import TEST_FRACTION, TEST_SEED, holdout
from handgrad.errors import CorruptDataError, FileSystemError

FILE = "digits.csv.gz"
IMAGES, CLASSES, LEVELS = 1797, 10, 16
# SHA-256 of the table as bytes: 1797 rows of 64 pixels 0..16 and the label.
DIGEST = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"


class DigitsSet:
    """The embedded data set; its file is read directly, since importing scikit-learn takes over a second."""

    inputs_and_classes = (64, CLASSES)

    def load(self) -> Dataset:
        """The digits with pixels scaled from 0..16 to 0..255, and a fixed stratified fifth of them for testing.

        Raises  FileSystemError or CorruptDataError when scikit-learn's copy is missing or not the original.
        """
        path = _path()
        return _dataset(path, require_file(path), path.stat().st_mtime_ns)

    def status(self) -> Status:
        """Where scikit-learn keeps the digits, and whether they are right."""
        (checked,) = self.verify()
        place = checked.path.parent if checked.path and checked.ok else None
        return Status(
            "digits", "handwritten digits, 8 x 8", place, int(checked.ok), 1, IMAGES, CLASSES, checked.problem
        )

    def fetch(self) -> Status:
        """Nothing to download."""
        return self.status()

    def verify(self) -> list[Verdict]:
        """Read and check the one file."""
        try:
            return [verdict(FILE, _path(), _read_table)]
        except FileSystemError as error:
            return [Verdict(FILE, None, False, str(error))]


@lru_cache(maxsize=1)
def _dataset(path: Path, size: int, changed: int) -> Dataset:
    """Once for all runs of a process: it is read again where the file changed."""
    table = _read_table(path)
    images = np.rint(table[:, :-1] * (255 / LEVELS)).astype(np.uint8).reshape(-1, 8, 8)
    labels = table[:, -1].astype(np.int64)
    train, test = holdout(labels, TEST_FRACTION, TEST_SEED)
    return Dataset("digits", images[train], labels[train], images[test], labels[test], tuple("0123456789"))


def _path() -> Path:
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise FileSystemError("digits: scikit-learn is not installed, which holds them. Install scikit-learn")
    return Path(spec.origin).parent / "datasets" / "data" / FILE


def _read_table(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    require_file(path)
    remedy = "Install scikit-learn again"
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptDataError(f"{path}: cannot be read as a table: {error}. {remedy}") from error
    digest = hashlib.sha256(np.ascontiguousarray(table).data).hexdigest()
    if digest != DIGEST:
        raise CorruptDataError(f"{path}: SHA-256 of the table is {digest}, expected {DIGEST}. {remedy}")
    return table
