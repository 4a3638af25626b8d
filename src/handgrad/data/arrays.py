"""Named arrays as a data set: the members of an .npz file, or .npy, IDX and CSV files in a folder.

Names say in their words what an array is: train, validation or test; images or labels. Else shapes decide.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import MAX_CLASSES, Dataset
from handgrad.data.pixels import to_images
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together

log = logging.getLogger("handgrad")
Array = NDArray[Any]

PARTS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
PART_WORDS = {
    **dict.fromkeys(("train", "training", "tr", "trainset"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "te", "t10k", "testset"), TEST),
}
IMAGES, LABELS, NAMES = "images", "labels", "class names"
ROLE_WORDS = {
    **dict.fromkeys(("x", "image", "images", "img", "imgs", "picture", "pictures", "data", "pixels"), IMAGES),
    **dict.fromkeys(("features", "input", "inputs"), IMAGES),
    **dict.fromkeys(
        ("y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "classes", "digit", "digits"), LABELS
    ),
    **dict.fromkeys(("names", "categories"), NAMES),
}
GLUED = re.compile(rf"([xy])({'|'.join(PART_WORDS)})|({'|'.join(PART_WORDS)})([xy])")
WORD = re.compile(r"t10k|[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Found(NamedTuple):
    """What an array is: its role (None where its name does not say) and its part."""

    role: str | None
    part: str


class Numbered(NamedTuple):
    """Labels (N,) of several arrays in one numbering, and the classes' names."""

    labels: list[NDArray[np.int64]]
    class_names: tuple[str, ...]


def dataset_of(path: Path, arrays: Mapping[str, Array]) -> Dataset:
    """The data set in named arrays; a validation part is the validation set, without a test part a fifth becomes it.

    Raises  CorruptDataError naming file and array for anything wrong, all at once.
    """
    parts, names = assign(path, arrays)
    faults: list[HandgradError] = []
    images, found = list[Array](), None
    with collecting(faults):
        images, found = to_images(path.name, {f"{path}: {one}": arrays[one] for one, _ in parts.values()})
    with collecting(faults):
        labels = {f"{path}: {other}": arrays[other] for _, other in parts.values()}
        numbered = number(path.name, labels, None if names is None else class_names(arrays[names], f"{path}: {names}"))
    raise_together(faults)
    pairs = dict(zip(parts, map(Part, images, numbered.labels), strict=True))
    whole = assemble(path.name, pairs[TRAIN], pairs.get(TEST), numbered.class_names, pairs.get(VALIDATION))
    return whole if found is None else replace(whole, pixel_range=found)


def assign(path: Path, arrays: Mapping[str, Array]) -> tuple[dict[str, tuple[str, str]], str | None]:
    """By part (training first) the names of its images and of its labels; and the name of the classes' names.

    Of two arrays for one place, the first is taken; what is not used is said.

    Raises  CorruptDataError where a part lacks one of the two.
    """
    found = {name: read_name(name) for name in arrays}
    roles = {name: each.role for name, each in found.items()}
    names = next((name for name, role in roles.items() if role == NAMES), None)
    parts: dict[str, dict[str, str]] = {}
    left_out = []
    for name, role in roles.items():
        if role in (IMAGES, LABELS):
            parts.setdefault(found[name].part, {}).setdefault(role, name)
            if parts[found[name].part][role] != name:
                left_out.append(name)
        elif role != NAMES:
            left_out.append(name)
    if set(found.values()) == {Found(None, TRAIN)} and len(found) > 1:
        parts, left_out = _by_position(arrays), []
    _require_pairs(path, arrays, parts)
    if left_out:
        log.warning("%s: not used: %s", path.name, ", ".join(sorted(left_out)))
    ordered = [part for part in PARTS if part in parts]
    return {part: (parts[part][IMAGES], parts[part][LABELS]) for part in ordered}, names


def _require_pairs(path: Path, arrays: Mapping[str, Array], parts: Mapping[str, Mapping[str, str]]) -> None:
    for each in parts.values():
        if len(each) == 1:
            (role, name), other = next(iter(each.items())), LABELS if IMAGES in each else IMAGES
            raise CorruptDataError(f"{path}: {name} holds {role}, but there are no {other} for it. Save both")
    if TRAIN not in parts:
        listed = ", ".join(f"{name} {array.shape}" for name, array in sorted(arrays.items())) or "none"
        raise CorruptDataError(f"{path}: arrays are {listed}, expected images and labels, such as x_train and y_train")


def read_name(name: str) -> Found:
    """What the words of a name say: `trainX`, `x_train` and `train-images-idx3-ubyte` are images to train on."""
    roles = [ROLE_WORDS[word] for word in _words(name) if word in ROLE_WORDS]
    role = next((each for each in (NAMES, LABELS, IMAGES) if each in roles), None)
    return Found(role, part_of(name) or TRAIN)


def part_of(name: str) -> str | None:
    """The part that the words of a name say: `seg_train` and `Training Set` are the training part."""
    return next((PART_WORDS[word] for word in _words(name) if word in PART_WORDS), None)


def _words(name: str) -> list[str]:
    plain = GLUED.sub(lambda match: "_".join(part for part in match.groups() if part), name.lower())
    return [word.lower() for word in WORD.findall(name)] + re.findall(r"t10k|[a-z]+", plain)


def _by_position(arrays: Mapping[str, Array]) -> dict[str, dict[str, str]]:
    """Without words: images have more than one number each; a pair belongs together by its length, in order."""
    images = [name for name, array in arrays.items() if is_images(array)]
    labels = [name for name in arrays if name not in images]
    parts: dict[str, dict[str, str]] = {}
    for part, name in zip((TRAIN, TEST) if len(images) < 3 else PARTS, images, strict=False):
        partner = next((each for each in labels if len(arrays[each]) == len(arrays[name])), None)
        if partner is not None:
            labels.remove(partner)
            parts[part] = {IMAGES: name, LABELS: partner}
    return parts


def is_images(array: Array) -> bool:
    """Whether it may be images: not labels, nor a column or one-hot rows of them."""
    one_hot = array.ndim == 2 and array.dtype.kind in "buif" and array.shape[1] <= MAX_CLASSES
    one_hot = one_hot and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())
    return array.ndim > 1 and array.shape[1] > 1 and not one_hot


def number(name: str, fields: Mapping[str, Array], names: tuple[str, ...] | None = None) -> Numbered:
    """Labels of arrays that belong together: whole numbers, texts, a column, or one-hot; classes are those that occur.

    Where `names` are given, whole numbers from 0 are places in them, and texts some of them.

    Raises  CorruptDataError naming the field and the first wrong row.
    """
    faults: list[HandgradError] = []
    columns = []
    for field, array in fields.items():
        with collecting(faults):
            columns.append(_column(array, field))
    raise_together(faults)
    if names is None:
        one_hot = max((classes for _, classes in columns), default=0)
        values = np.unique(np.concatenate([values for values, _ in columns])) if not one_hot else np.arange(one_hot)
        names, known = tuple(map(str, values.tolist())), values
        if not 1 <= len(names) <= MAX_CLASSES:
            raise CorruptDataError(f"{next(iter(fields))}: {len(names)} different labels, expected 1 to {MAX_CLASSES}")
        if names != tuple(map(str, range(len(names)))) and values.dtype.kind not in "US":
            log.warning("%s: classes are the labels that occur: %s", name, _listed(names))
    else:
        text = columns[0][0].dtype.kind in "US"
        known = np.array(names) if text else np.arange(len(names))
    order = np.argsort(known)
    found = []
    for (field, _), (values, _) in zip(fields.items(), columns, strict=True):
        places = np.searchsorted(known[order], values).clip(0, len(known) - 1)
        wrong = np.flatnonzero(known[order][places] != values)
        if len(wrong):
            what = f"label {values[wrong[0]]} in row {wrong[0]}, expected one of {_listed(names)}"
            faults.append(CorruptDataError(f"{field}: {what}. Mend the labels"))
        found.append(order[places].astype(np.int64))
    raise_together(faults)
    return Numbered(found, names)


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:10]) + (f", … ({len(listed)} in all)" if len(listed) > 10 else "")


def _column(array: Array, field: str) -> tuple[Array, int]:
    """Values (N,), whole numbers or texts; and how many classes one-hot rows have, 0 for others."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "buifU":
        example = repr(array.flat[0].item())[:40] if array.size else "nothing"
        raise CorruptDataError(f"{field}: labels are {array.dtype} such as {example}, expected numbers or texts")
    if array.ndim == 2 and array.size and array.dtype.kind != "U":
        return _from_one_hot(array, field)
    if array.ndim != 1 or array.size == 0:
        raise CorruptDataError(f"{field}: shape {array.shape}, expected (N,) labels, or (N, classes) one-hot")
    if array.dtype.kind == "U":
        return array, 0
    with np.errstate(invalid="ignore"):
        bits = np.finfo(array.dtype).nmant + 1 if array.dtype.kind == "f" else 63  # beyond, two labels may be one
        far = np.abs(array.astype(np.float64)) >= 2.0**bits
        wrong = np.flatnonzero(~np.isfinite(array) | (array != np.trunc(array)) | far)
    if len(wrong):
        more = f" and in {len(wrong) - 1} other rows" if len(wrong) > 1 else ""
        expected = f"a whole number below 2**{bits}" if far.any() else "a whole number"
        what = f"label {array[wrong[0]]} in row {wrong[0]}{more}, expected {expected}"
        raise CorruptDataError(f"{field}: {what}. Mend the labels")
    return array.astype(np.int64), 0


def whole_labels(array: Array, field: str) -> Array:
    """Labels as numbers of a network's outputs, from whole numbers, a column of them, or one-hot rows.

    Raises  CorruptDataError for texts, and as `number`.
    """
    values, _ = _column(array, field)
    if values.dtype.kind == "U":
        remedy = "Number them: names, labels = np.unique(labels, return_inverse=True)"
        raise CorruptDataError(
            f"{field}: labels are texts such as {values[0]!r}, expected whole numbers from 0. {remedy}"
        )
    return values


def _from_one_hot(array: Array, field: str) -> tuple[Array, int]:
    ones = array == 1
    wrong = (ones.sum(axis=1) != 1) | ((array != 0) != ones).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise CorruptDataError(f"{field}: row {row} of shape {array.shape} is not one-hot, expected (N,) or one-hot")
    log.warning("%s: one-hot rows were turned into labels 0 to %d", field, array.shape[1] - 1)
    return ones.argmax(axis=1), array.shape[1]


def class_names(names: Array, field: str) -> tuple[str, ...]:
    """The names of the classes.  Raises  CorruptDataError for what is no list of texts."""
    if names.dtype.kind != "U" or names.ndim != 1:
        raise CorruptDataError(f"{field} is {names.dtype} {names.shape}, expected a text for each class. Save it again")
    return tuple(map(str, names))
