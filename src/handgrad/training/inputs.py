"""Images and labels as people hold them in Python, as the arrays that a training takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import Dataset, Split, holdout, split
from handgrad.data.arrays import number, whole_labels
from handgrad.data.pixels import not_finite
from handgrad.errors import CorruptDataError, UsageError
from handgrad.nn import Network

Array = NDArray[Any]
MOST_NAMES = 5  # classes that an error names


def read_images(images: Any, what: str = "x") -> Array:
    """Images as one array of numbers: from nested lists, frames, tensors or arrays.

    Raises  UsageError where there is something else than numbers, or a number that is not finite.
    """
    array = _array(images, what)
    if array.dtype.kind == "O":
        array = _numbers(array, what)
    if array.dtype.kind in "US":
        example = repr(array.flat[0].item())[:40] if array.size else "nothing"
        raise UsageError(f"{what} holds texts such as {example}, expected numbers")
    if array.dtype.kind not in "buif":
        raise UsageError(f"{what} holds values of type {array.dtype}, expected numbers")
    if array.ndim < 2:
        more = f": for one image, give {what}[None]; for images of one number each, {what}[:, None]"
        raise UsageError(f"{what} must have an axis of images first, got shape {array.shape}{more}")
    if not array.size:
        raise UsageError(f"{what} holds no images, its shape is {array.shape}")
    if broken := not_finite(array):
        raise UsageError(f"{what} is not all finite: {broken}. Mend or remove them")
    return array


def read_labels(
    labels: Mapping[str, Any], network: Network | None = None, anew: bool = True
) -> tuple[list[Array], tuple[str, ...]]:
    """Labels of several parts in one numbering from 0, and the names of its classes, if they have any.

    They may be numbers, texts, a column of them, or one-hot rows. A network says by its names, or else by how many
    outputs it has, what labels can be; without one, or where they are others, the classes are those that occur, unless
    they are not to be numbered `anew`.

    Raises  UsageError naming the part and the first wrong row.
    """
    columns = {what: _column(values, what) for what, values in labels.items()}
    text = any(column.dtype.kind == "U" for column in columns.values())
    try:
        if network is None or not (network.class_names or text):
            whole = [] if network is None else [whole_labels(each, what) for what, each in columns.items()]
            if network and all(0 <= each.min() <= each.max() < network.classes for each in whole):
                return whole, ()
            if network and not anew:
                return number("labels", columns, tuple(map(str, range(network.classes)))).labels, ()
        elif network.class_names:
            if numbered(network.class_names) is not None and not text:
                columns = {what: whole_labels(each, what).astype(str) for what, each in columns.items()}
            return number("labels", columns, network.class_names)
        found = number(" and ".join(columns), columns)
    except CorruptDataError as error:
        raise UsageError(error.text) from None
    if network and len(found.class_names) != network.classes:
        names = found.class_names
        listed = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
        what = f"{next(iter(columns))} has {len(names)} classes ({listed}), but the network {network.classes} outputs"
        raise UsageError(f"{what}: end it with dense:{len(names)}")
    return found


def numbered(names: Sequence[str]) -> Array | None:
    """The numbers that the names of all classes are; None where they are words."""
    whole = all(name.removeprefix("-").isdecimal() and str(int(name)) == name for name in names)
    return np.array(list(map(int, names)), np.int64) if whole else None


def read_parts(
    network: Network, data: Any, labels: Any, validation_data: Any, fraction: float, sample_weight: Any, seed: int
) -> Split:
    """Which images are trained on and which validate, from what `fit` was given; labels by the network's outputs.

    Raises  UsageError.
    """
    if isinstance(data, Dataset | Split):
        if any(each is not None for each in (labels, validation_data, sample_weight)):
            source = "a data set" if isinstance(data, Dataset) else "a split"
            raise UsageError(f"{source} has its own labels and validation images: give it alone")
        return data if isinstance(data, Split) else split(data, fraction, seed)
    images, labels = _pair(data, "data") if labels is None else (data, labels)
    images = {"x": read_images(images)}
    fields = {"y": labels}
    if validation_data is not None:
        pictures, fields["labels of validation_data"] = _pair(validation_data, "validation_data")
        images["images of validation_data"] = read_images(pictures, "images of validation_data")
    found, names = read_labels(fields, network)
    for (what, array), each in zip(images.items(), found, strict=True):
        if len(array) != len(each):
            raise UsageError(f"{what} has {len(array)} images, but there are {len(each)} labels: give one for each")
    network.class_names = network.class_names or names
    weights = None if sample_weight is None else _weights(sample_weight, len(images["x"]))
    if validation_data is None:
        rows = np.arange(len(images["x"])) if weights is None else np.flatnonzero(weights)
        kept, held = holdout(found[0][rows], fraction, seed)
        return Split(images["x"], found[0], rows[kept], rows[held], weights)
    return _with_validation([*images.values()], found, weights)


def _with_validation(images: list[Array], labels: list[Array], weights: Array | None) -> Split:
    """Training images and validation images as one array."""
    (train, held), (count, more) = images, map(len, images)
    if train.shape[1:] != held.shape[1:]:
        raise UsageError(f"validation_data has images of shape {held.shape[1:]}, x of {train.shape[1:]}")
    if (train.dtype.kind == "f") != (held.dtype.kind == "f"):
        what = f"validation_data holds {held.dtype}, x {train.dtype}"
        raise UsageError(f"{what}: whole numbers are scaled as pixels and floats are not. Give both in one type")
    rows = np.arange(count) if weights is None else np.flatnonzero(weights)
    padded = None if weights is None else np.concatenate([weights, np.ones(more)])
    return Split(np.concatenate(images), np.concatenate(labels), rows, np.arange(count, count + more), padded)


def _pair(data: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        got = f"{len(data)} things" if isinstance(data, tuple | list) else f"a {type(data).__name__}"
        raise UsageError(f"{what} must be images and labels, (x, y), got {got}")
    return data[0], data[1]


def _array(values: Any, what: str) -> Array:
    """An array of what has an order and a length.  Raises  UsageError for rows of several lengths, and for others."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        uneven = "inhomogeneous" in str(error)
        why = "its rows have different lengths" if uneven else str(error).splitlines()[0]
        raise UsageError(f"{what} is no array: {why}") from None
    if array.ndim == 0:
        sparse = ": give its .toarray()" if hasattr(values, "toarray") else ""
        got = "None" if values is None else f"a {type(values).__name__}"
        raise UsageError(f"{what} must be an array, a list or a frame, got {got}{sparse}")
    return array


def _numbers(array: Array, what: str) -> Array:
    """Objects as numbers, where all of them are."""
    for place, value in np.ndenumerate(array):
        if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
            got = value if value is None else repr(value)[:40]
            raise UsageError(f"{what} holds {got} at {list(place)}, expected numbers only")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} holds what is no number: {error}") from None


def _column(values: Any, what: str) -> Array:
    """Labels as an array of one type.  Raises  UsageError for a missing one, and for texts beside numbers."""
    array = _array(values, what)
    if not array.size:
        raise UsageError(f"{what} holds no labels")
    if array.dtype.kind == "U" and isinstance(values, list | tuple):
        array = np.asarray(values, object)  # NumPy makes texts of the numbers beside them
    if array.dtype.kind not in "OT":
        return array
    flat = array.ravel().tolist()
    missing = next(
        (row for row, value in enumerate(flat) if value is None or value != value or str(value) == "<NA>"), None
    )
    if missing is not None:
        raise UsageError(f"{what} has no label in row {missing}: it is {flat[missing]}. Mend or remove it")
    words = [isinstance(value, str) for value in flat]
    if all(words):
        return array.astype(str)
    if any(words):
        raise UsageError(f"{what} mixes texts and numbers: {flat[words.index(True)]!r} and {flat[words.index(False)]}")
    return _numbers(array, what)


def _weights(sample_weight: Any, images: int) -> Array:
    weights = _array(sample_weight, "sample_weight")
    weights = _numbers(weights, "sample_weight") if weights.dtype.kind == "O" else weights
    if weights.shape != (images,) or weights.dtype.kind not in "buif":
        raise UsageError(f"sample_weight must be {images} numbers, one an image, got {weights.dtype} {weights.shape}")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise UsageError("sample_weight must be finite and not negative, and not zero for all images")
    return weights.astype(np.float64)
