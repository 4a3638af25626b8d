"""A folder as a data set: one sub-folder of images per class, below train/, val/ and test/ or without them."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.data.arrays import PARTS, TEST, TRAIN, VALIDATION, part_of
from handgrad.data.dataset import MAX_CLASSES, Dataset, Images
from handgrad.data.images import (
    IN_RGB,
    KNOWN,
    SUFFIXES,
    Picture,
    Size,
    bring_to,
    check_resize,
    check_total,
    read_levels,
)
from handgrad.data.pixels import Array, PixelRange, notice, range_of
from handgrad.data.places import visible
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together

log = logging.getLogger("handgrad")
LAYOUT = "one sub-folder of images per class"
ENOUGH = 100  # images that tell how much memory all of them take
FULL_DEPTH = 16384  # 16-bit images with a pixel above 14 bits are of 16 bits, as everybody expects

_Faults = list[HandgradError]


class _Inside(NamedTuple):
    """What lies in the folder of a part: sub-folders, and images beside them."""

    folder: Path
    folders: list[Path]
    loose: list[Path]


class _Listing(NamedTuple):
    paths: list[Path]
    labels: list[int]


def load_folder(folder: Path, resize: Size | None = None, skip_damaged: bool = False) -> Dataset:
    """The data set in `folder`; classes are numbered by their sorted names, as numbers where all names are numbers.

    Images of another size than most are brought to that one. With `skip_damaged`, files that are no whole images are
    left out. Both are counted in one line.

    Raises  CorruptDataError for files that are not images, or another layout; FileSystemError for what cannot be read;
            UsageError for more than memory holds.
    """
    check_resize(resize)
    name, parts = folder.resolve().name, _parts(folder)
    class_names = _class_names(parts[TRAIN])
    listings, faults, damaged = dict[str, _Listing](), _Faults(), _Faults()
    for part, inside in parts.items():
        if part != TEST or _is_labelled(inside, class_names):
            listings[part] = _list_images(inside, class_names, faults, damaged)
    paths = [path for listing in listings.values() for path in listing.paths]
    images, read, pixels = read_all(name, [partial(read_levels, path, resize) for path in paths], damaged)
    settle(name, damaged, len(read), skip_damaged, faults)
    labels = np.array([label for listing in listings.values() for label in listing.labels], np.int64)[read]
    owner = np.repeat(list(listings), [len(listing.paths) for listing in listings.values()])[read]
    found = {part: Part(images[owner == part], labels[owner == part]) for part in listings}
    whole = assemble(name, found[TRAIN], found.get(TEST), class_names, found.get(VALIDATION))
    return replace(whole, pixel_range=pixels)


def settle(name: str, damaged: _Faults, whole: int, skip_damaged: bool, faults: Sequence[HandgradError] = ()) -> None:
    """Raise all that is wrong; with `skip_damaged`, the damaged files are only counted."""
    if damaged and not skip_damaged:
        faults = [*faults, type(damaged[0])(f"{damaged[0]} (--skip_damaged leaves such files out)"), *damaged[1:]]
    raise_together(faults)
    if damaged:
        count = f"{len(damaged)} of {whole + len(damaged)}"
        log.warning("data set %s: %s files are no whole images and are left out: %s", name, count, damaged[0])


def _parts(folder: Path) -> dict[str, _Inside]:
    """The folders of the training, validation and test part; all is for training where none is called so."""
    whole = _inside(folder)
    named = {path: part_of(path.name) for path in whole.folders}
    of_part = {part: [path for path in named if named[path] == part] for part in PARTS}
    split = of_part[TRAIN] and (len(of_part[TRAIN]) == len(named) or of_part[VALIDATION] or of_part[TEST])
    if not split and not any(_inside(path).folders for path in of_part[TRAIN]):
        test = [path for path in whole.folders if path.name.lower() in ("test", "testing")]
        if not test or len(named) < 3:
            return {TRAIN: whole}
        return {TRAIN: whole._replace(folders=[each for each in named if each != test[0]]), TEST: _inside(test[0])}
    for part, paths in of_part.items():
        if len(paths) > 1:
            what = f"{paths[0].name} and {paths[1].name} are both the {part} part, expected one. Move one of them away"
            raise CorruptDataError(f"{folder}: {what}")
    others = [path.name for path, part in named.items() if part is None]
    if others:
        log.warning("%s: not used beside %s: %s", folder, of_part[TRAIN][0].name, ", ".join(others))
    return {part: _inside(paths[0]) for part, paths in of_part.items() if paths}


def _inside(folder: Path) -> _Inside:
    """What a folder holds, or its only sub-folder that holds more of them, as an unpacked archive has it."""
    paths = visible(folder)
    folders = [path for path in paths if path.is_dir()]
    loose = [path for path in paths if path.suffix.lower() in SUFFIXES and path not in folders]
    if len(folders) == 1 and not loose and any(path.is_dir() for path in visible(folders[0])):
        return _inside(folders[0])
    return _Inside(folder, folders, loose)


def _class_names(inside: _Inside) -> tuple[str, ...]:
    folder, folders, loose = inside
    if loose:
        raise CorruptDataError(f"{loose[0]}: an image outside of any class, expected {LAYOUT}. Move it into one")
    names = [path.name for path in folders]
    if not 1 <= len(names) <= MAX_CLASSES:
        raise CorruptDataError(f"{folder}: {len(names)} sub-folders, expected {LAYOUT}, 1 to {MAX_CLASSES} of them")
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def _is_labelled(inside: _Inside, class_names: tuple[str, ...]) -> bool:
    """Whether a test folder has classes: images alone, or in one sub-folder of another name, have none."""
    folder, folders, loose = inside
    others = [path for path in folders if path.name not in class_names]
    if (loose and not folders) or (len(folders) == len(others) == 1 and not loose):
        count = len(loose) or len(_inside(others[0]).loose)
        log.warning("%s: %d images without labels, which test nothing; `handgrad predict` takes them", folder, count)
        return False
    return True


def _list_images(inside: _Inside, class_names: tuple[str, ...], faults: _Faults, damaged: _Faults) -> _Listing:
    """The images of the classes that are there; what else is there, in `faults` or, file by file, in `damaged`."""
    listing = _Listing([], [])
    for name in sorted(_class_names(inside), key=lambda name: class_names.index(name) if name in class_names else -1):
        place = inside.folder / name
        if name not in class_names:
            what = f"{place}: a class that train/ has not, expected {', '.join(class_names)}"
            faults.append(CorruptDataError(what))
            continue
        paths = visible(place)
        if not paths:
            faults.append(
                CorruptDataError(f"{place}: no images in this class, expected one at least. Add or remove it")
            )
        for path in paths:
            if path.suffix.lower() not in SUFFIXES or path.is_dir():
                what = f"{path}: expected only images in a class ({KNOWN}). Move or remove it"
                damaged.append(CorruptDataError(what))
            else:
                listing.paths.append(path)
                listing.labels.append(class_names.index(name))
    return listing


def read_all(
    name: str, pictures: Sequence[Callable[[], Picture]], damaged: list[HandgradError]
) -> tuple[Images, list[int], PixelRange]:
    """All whole images as bytes, of one size, and their places in `pictures`; 16 bits have a range of their own.

    `pictures` read one image each; an error of one goes into `damaged`.
    """
    levels, read = list[Array](), list[int]()
    sizes, notes, total = Counter[Size](), Counter[str](), 0
    for row, read_one in enumerate(pictures):
        picture = None
        with collecting(damaged):
            picture = read_one()
        if picture is None:
            continue
        levels.append(picture.pixels)
        read.append(row)
        height, width = picture.pixels.shape[-2:]
        sizes[height, width] += 1
        notes.update(picture.notes)
        total += picture.pixels.nbytes
        check_total(name, len(pictures), total if len(read) < ENOUGH else total * len(pictures) // len(read))
    if not levels:
        return np.empty((0, 0, 0), np.uint8), read, PixelRange()
    grey = sum(each.ndim == 2 for each in levels)
    shape: tuple[int, ...] = () if grey == len(levels) else (3,)
    usual, count = sizes.most_common(1)[0]
    if count < len(read):
        what = f"{len(read) - count} of {len(read)} images have another size and were brought to that of most"
        log.warning("data set %s: %s, %d x %d (--resize sets another)", name, what, *usual)
    check_total(name, len(read), len(read) * prod((*shape, *usual)))
    if shape and grey:
        log.warning("data set %s: %d of %d images are grey: in colour they have equal channels", name, grey, len(read))
    elif notes[IN_RGB]:
        log.warning("data set %s: its images in files for colour are all grey, and are kept as grey ones", name)
    notice(f"data set {name}", notes, len(read))
    images, deep = np.zeros((len(read), *shape, *usual), np.uint8), {}
    for row, each in enumerate(levels):
        levels[row] = each[:0]  # its memory is free then
        brought = bring_to(each, usual)
        if brought.dtype == np.uint16:
            deep[row] = brought
        else:
            images[row] = brought
    found = _in_bytes(name, images, deep)
    return found[0], read, found[1]


def _in_bytes(name: str, images: Images, deep: dict[int, Array]) -> tuple[Images, PixelRange]:
    """`images` with the 16-bit ones, `deep` by row, filled in."""
    found = PixelRange()
    if len(deep) < len(images):
        found = range_of(f"data set {name}", {name: images})
        images = found.to_bytes(images)
    if deep:
        levels = np.stack(list(deep.values()))
        found = range_of(f"data set {name}", {name: levels}) if levels.max() < FULL_DEPTH else PixelRange(0, 65535)
        levels = found.to_bytes(levels)
        images[list(deep)] = levels if images.ndim == 3 else levels[:, None]
    return images, found
