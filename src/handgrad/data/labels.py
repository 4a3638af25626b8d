"""Arrays of labels as users have them, brought to (N,) int64 from 0 up."""

import logging
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import MAX_CLASSES, Labels
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together

log = logging.getLogger("handgrad")


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
        shown = ", ".join(map(str, absent[:10])) + (", …" if len(absent) > 10 else "")
        log.warning("data set %s: no member of class %s among 0 to %d", name, shown, classes - 1)


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
