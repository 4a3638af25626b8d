"""A folder as a data set: one sub-folder of PNG or JPEG images per class, below train/ and test/ or without them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.data.assemble import Part, assemble
from handgrad.data.dataset import MAX_CLASSES, Dataset, Images
from handgrad.data.images import Grey, check_resize, check_total, notice_colour, read_grey
from handgrad.errors import CorruptDataError, FileSystemError, UsageError

SUFFIXES = (".png", ".jpg", ".jpeg")
# What Windows leaves behind in folders of images; hidden files are passed over too.
LITTER = ("thumbs.db", "desktop.ini")
LAYOUT = "one sub-folder of PNG or JPEG images per class"

Size = tuple[int, int]


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
    listings = [_list_images(train_folder, class_names, class_names)]
    if test_folder is not None:
        listings.append(_list_images(test_folder, class_names, _class_names(test_folder)))
    images = _read_all(name, [path for listing in listings for path in listing.paths], resize)
    ends = np.cumsum([len(listing.paths) for listing in listings])[:-1]
    parts = [
        Part(pixels, np.array(listing.labels, np.int64))
        for pixels, listing in zip(np.split(images, ends), listings, strict=True)
    ]
    return assemble(name, parts[0], parts[1] if test_folder else None, class_names)


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


def _list_images(folder: Path, class_names: tuple[str, ...], present: tuple[str, ...]) -> _Listing:
    listing = _Listing([], [])
    for name in present:
        if name not in class_names:
            raise CorruptDataError(f"{folder / name}: a class that train/ has not, expected {', '.join(class_names)}")
        paths = _visible(folder / name)
        if not paths:
            raise CorruptDataError(f"{folder / name}: no images in this class, expected one at least. Add or remove it")
        for path in paths:
            if path.suffix.lower() not in SUFFIXES or path.is_dir():
                raise CorruptDataError(f"{path}: expected only PNG and JPEG images in a class. Move or remove it")
        listing.paths.extend(paths)
        listing.labels.extend([class_names.index(name)] * len(paths))
    return listing


def _read_all(name: str, paths: list[Path], resize: Size | None) -> Images:
    first = read_grey(paths[0], resize)
    height, width = first.pixels.shape
    check_total(name, len(paths), (height, width))
    images = np.empty((len(paths), height, width), np.uint8)
    coloured = 0
    for row, path in enumerate(paths):
        grey = first if row == 0 else read_grey(path, resize)
        _check_size(first, grey, paths[0], path)
        images[row] = grey.pixels
        coloured += grey.had_colour
    notice_colour(name, coloured, len(paths))
    return images


def _check_size(first: Grey, grey: Grey, first_path: Path, path: Path) -> None:
    if grey.pixels.shape != first.pixels.shape:
        raise UsageError(
            f"{path} has {_size(grey)} pixels but {first_path} has {_size(first)}, expected one size. "
            f"Bring all images to one with --resize, such as --resize {_size(first).replace(' x ', ' ')}"
        )


def _size(grey: Grey) -> str:
    height, width = grey.pixels.shape
    return f"{height} x {width}"


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise FileSystemError(f"cannot read {folder}: {error.strerror}. Check its permissions") from error
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in LITTER]
