"""Data sets: named ones, folders of images, files of arrays; and how their rows are split."""

import os
from pathlib import Path

from handgrad.data.array_files import SUFFIXES, array_files, foreign, load_array_file, load_array_folder
from handgrad.data.dataset import Dataset, NamedSet, Status, Verdict
from handgrad.data.digits import DigitsSet
from handgrad.data.features import FEATURES, with_features
from handgrad.data.folder import load_folder
from handgrad.data.idx import read_idx
from handgrad.data.idx_sets import IDX_SOURCES, IdxSet, sections
from handgrad.data.images import bring_to, check_resize, in_grey, read_picture, resized, to_pillow
from handgrad.data.parquet import load_parquet
from handgrad.data.pixels import PixelRange, luma
from handgrad.data.published_sets import PublishedSet, PublishedSource, cifar_files, load_cifar_folder
from handgrad.data.splits import (
    Fold,
    Split,
    folds_of_test,
    hold_fold,
    holdout,
    kfold,
    read_fold,
    split,
    take_fraction,
    watched_on_test,
    with_label_noise,
)
from handgrad.errors import UsageError
from handgrad.files import path_of
from handgrad.plugins import extend
from handgrad.text import nearest, squashed

DATASETS: dict[str, NamedSet] = {
    "digits": DigitsSet(),
    **{source.name: IdxSet(source) for source in IDX_SOURCES},
    **{section.name: PublishedSet(PublishedSource.of(section)) for section in sections() if "md5" in section},
}
extend(datasets=DATASETS)

ALIASES = {
    **dict.fromkeys(("fashion", "fashionmnist", "fmnist", "f_mnist", "mnist_fashion"), "fashion_mnist"),
    **dict.fromkeys(("mnist_784", "mnist_digits"), "mnist"),
    **dict.fromkeys(("kuzushiji", "kuzushiji_mnist"), "kmnist"),
    **{f"medmnist_{name}": name for name in DATASETS if name.endswith("mnist") and len(name) > 6 and "_" not in name},
}

# Data sets that exist, and not here: no misspelling of one that does.
OTHER_SETS = (
    *("notmnist", "chestmnist", "usps", "svhn"),
    *("cifar", "stl10", "imagenet", "tiny_imagenet", "caltech101", "iris"),
)


def load(
    name_or_path: str | os.PathLike[str],
    resize: tuple[int, int] | None = None,
    skip_damaged: bool = False,
    grey: bool = False,
) -> Dataset:
    """A named set, a folder with one sub-folder of images per class, or files of arrays or of CIFAR's format.

    `resize` is every image's (height, width) then; `skip_damaged` leaves files that are no whole images out of a
    folder; `grey` turns colour into brightness.

    Raises  UsageError for an unknown name; FileSystemError; CorruptDataError for content that is not what it should be.
    """
    check_resize(resize)
    dataset = _load(canonical_name(name_or_path), resize, skip_damaged)
    return resized(in_grey(dataset) if grey else dataset, resize)


def _load(name: str, resize: tuple[int, int] | None, skip_damaged: bool) -> Dataset:
    """As it lies there; only the images of a folder may differ in size, and are resized one by one."""
    if name in DATASETS:
        return DATASETS[name].load()
    path = Path(os.path.expanduser(name))
    if name and os.path.isdir(path):
        if batches := cifar_files(path):
            return load_cifar_folder(path, batches)
        files = array_files(path)
        if files and all(each.suffix.lower() == ".parquet" for each in files):
            return load_parquet(path, files, resize, skip_damaged)
        return load_array_folder(path, files) if files else load_folder(path, resize, skip_damaged)
    if path.suffix.lower() == ".parquet" and os.path.exists(path):
        return load_parquet(path, [path], resize, skip_damaged)
    if path.name.lower().endswith(SUFFIXES) and os.path.exists(path):
        return load_array_file(path)
    raise UsageError(foreign(path)) if os.path.isfile(path) else _unknown(name)


def canonical_name(name_or_path: str | os.PathLike[str]) -> str:
    """The registry's form of a name, such as fashion_mnist for `Fashion-MNIST`; a path comes back unchanged."""
    name = name_or_path if isinstance(name_or_path, str) else str(path_of(name_or_path, "data set"))
    if name in DATASETS or name.startswith((".", "~", os.sep)) or (os.sep in name and os.path.exists(name)):
        return name
    known = {squashed(each): each for each in DATASETS} | {squashed(each): ALIASES[each] for each in ALIASES}
    return known.get(squashed(name), name)


def inputs_and_classes(name: str) -> tuple[int, int] | None:
    """How many pixels an image of a named set has, and how many classes there are; None for a set that must be read."""
    return getattr(DATASETS.get(canonical_name(name)), "inputs_and_classes", None)


def statuses() -> list[Status]:
    """What `data list` shows: one row per named set, nothing downloaded."""
    return [dataset.status() for dataset in DATASETS.values()]


def fetch(name: str) -> Status:
    """Download a named set into the cache unless it is here; FileSystemError when it cannot be had."""
    return _named(name).fetch()


def verify(name: str) -> list[Verdict]:
    """Read every file of a named set from end to end; a wrong file is a verdict, not an error."""
    return _named(name).verify()


def _named(name: str) -> NamedSet:
    canonical = canonical_name(name)
    if canonical not in DATASETS:
        raise _unknown(name)
    return DATASETS[canonical]


def _unknown(name: str) -> UsageError:
    near = nearest(name, [*DATASETS, *ALIASES], OTHER_SETS)
    hint = f" Did you mean {canonical_name(near)}?" if near else ""
    family = [each for each in [*DATASETS, *ALIASES] if each.startswith(f"{squashed(name)}_")]
    if len(family) > 1:
        hint = f" Choose one: {', '.join(map(canonical_name, family))}."
    if not near and (os.sep in name or name.endswith(SUFFIXES)) and not os.path.lexists(os.path.expanduser(name)):
        hint = " There is no such file or folder."
    return UsageError(
        f"data set: got {name!r}, expected {', '.join([*DATASETS][:3])} or another name of `handgrad data list`, "
        f"a folder of images or arrays, or a .npz or .csv file.{hint}"
    )
