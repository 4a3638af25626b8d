"""A folder as a data set: one sub-folder of PNG or JPEG images per class, below train/ and test/ or without them."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.data.dataset import MAX_CLASSES, Dataset, Images
from handgrad.data.images import check_resize, check_total, notice_colour, read_levels
from handgrad.data.pixels import Array, PixelRange, notice_light_ink, range_of
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError, collecting, raise_together

SUFFIXES = (".png", ".jpg", ".jpeg")
# What Windows leaves behind in folders of images; hidden files are passed over too.
LITTER = ("thumbs.db", "desktop.ini")
LAYOUT = "one sub-folder of PNG or JPEG images per class"

FULL_DEPTH = 16384  # 16-bit images with a pixel above 14 bits are of 16 bits, as everybody expects

Size = tuple[int, int]
_Faults = list[HandgradError]


class _Listing(NamedTuple):
    paths: list[Path]
    labels: list[int]


def load_folder(folder: Path, resize: Size | None = None) -> Dataset:
    """The data set in `folder`; classes are numbered by their sorted names, as numbers where all names are numbers.

    Raises  UsageError when sizes differ and `resize` is not given; CorruptDataError for files that are not images, or
            another layout; FileSystemError for what cannot be read.
    """
    check_resize(resize)
    name = folder.resolve().name
    train_folder, test_folder = _parts(folder)
    class_names = _class_names(train_folder)
    found = [_list_images(train_folder, class_names, class_names)]
    if test_folder is not None:
        found.append(_list_images(test_folder, class_names, _class_names(test_folder)))
    listings, faults = [listing for listing, _ in found], [fault for _, faults in found for fault in faults]
    paths = [path for listing in listings for path in listing.paths]
    images, pixels = _read_all(name, paths, resize, faults)
    ends = np.cumsum([len(listing.paths) for listing in listings])[:-1]
    parts = [
        Part(part, np.array(listing.labels, np.int64))
        for part, listing in zip(np.split(images, ends), listings, strict=True)
    ]
    return replace(assemble(name, parts[0], parts[1] if test_folder else None, class_names), pixel_range=pixels)


def _parts(folder: Path) -> tuple[Path, Path | None]:
    inside = {path.name: path for path in _visible(folder) if path.is_dir()}
    if "train" not in inside:
        return folder, None
    others = sorted(set(inside) - {"train", "test"})
    if others:
        raise CorruptDataError(f"{folder / others[0]}: beside train/, expected only test/. Rename or remove it")
    return inside["train"], inside.get("test")


def _class_names(folder: Path) -> tuple[str, ...]:
    visible = _visible(folder)
    loose = [path for path in visible if path.suffix.lower() in SUFFIXES and not path.is_dir()]
    if loose:
        raise CorruptDataError(f"{loose[0]}: an image outside of any class, expected {LAYOUT}. Move it into one")
    names = [path.name for path in visible if path.is_dir()]
    if not 1 <= len(names) <= MAX_CLASSES:
        raise CorruptDataError(f"{folder}: {len(names)} sub-folders, expected {LAYOUT}, 1 to {MAX_CLASSES} of them")
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def _list_images(folder: Path, class_names: tuple[str, ...], present: tuple[str, ...]) -> tuple[_Listing, _Faults]:
    """The images of the classes that are there, and what else is there."""
    listing, faults = _Listing([], []), _Faults()
    for name in present:
        if name not in class_names:
            what = f"{folder / name}: a class that train/ has not, expected {', '.join(class_names)}"
            faults.append(CorruptDataError(what))
            continue
        paths = _visible(folder / name)
        if not paths:
            what = f"{folder / name}: no images in this class, expected one at least. Add or remove it"
            faults.append(CorruptDataError(what))
        for path in paths:
            if path.suffix.lower() not in SUFFIXES or path.is_dir():
                what = f"{path}: expected only PNG and JPEG images in a class. Move or remove it"
                faults.append(CorruptDataError(what))
            else:
                listing.paths.append(path)
                listing.labels.append(class_names.index(name))
    return listing, faults


def _read_all(name: str, paths: list[Path], resize: Size | None, faults: _Faults) -> tuple[Images, PixelRange]:
    """All images as bytes; those of 16 bits have a range of their own."""
    images, deep = np.empty((0, 0, 0), np.uint8), {}
    sizes: dict[Size, list[Path]] = {}
    coloured = light = 0
    for row, path in enumerate(paths):
        grey = None
        with collecting(faults):
            grey = read_levels(path, resize)
        if grey is None:
            continue
        size = grey.pixels.shape
        if not sizes:
            check_total(name, len(paths), size)
            images = np.zeros((len(paths), *size), np.uint8)
        sizes.setdefault(size, []).append(path)
        if len(sizes) > 1:
            continue
        if grey.pixels.dtype == np.uint16:
            deep[row] = grey.pixels
        else:
            images[row] = grey.pixels
        coloured, light = coloured + grey.had_colour, light + grey.light_ink
    raise_together([*faults, *_other_sizes(sizes)])
    notice_colour(name, coloured, len(paths))
    notice_light_ink(f"data set {name}", light, len(paths))
    return _in_bytes(name, images, deep)


def _in_bytes(name: str, images: Images, deep: dict[int, Array]) -> tuple[Images, PixelRange]:
    """`images` with the 16-bit ones, `deep` by row, filled in."""
    found = PixelRange()
    if len(deep) < len(images):
        found = range_of(f"data set {name}", {name: images})
        images = found.to_bytes(images)
    if deep:
        levels = np.stack(list(deep.values()))
        found = range_of(f"data set {name}", {name: levels}) if levels.max() < FULL_DEPTH else PixelRange(0, 65535)
        images[list(deep)] = found.to_bytes(levels)
    return images, found


def _other_sizes(sizes: dict[Size, list[Path]]) -> _Faults:
    """An error for each image that has not the size of most of them."""
    usual = max(sizes, key=lambda size: len(sizes[size]), default=(0, 0))
    remedy = f"Bring all images to one with --resize, such as --resize {usual[0]} {usual[1]}"
    return [
        UsageError(
            f"{path} has {height} x {width} pixels but {sizes[usual][0]} has {usual[0]} x {usual[1]}, "
            f"expected one size. {remedy}"
        )
        for (height, width), paths in sizes.items()
        if (height, width) != usual
        for path in paths
    ]


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise FileSystemError(f"cannot read {folder}: {error.strerror}. Check its permissions") from error
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in LITTER]
