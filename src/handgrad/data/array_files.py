"""Files of arrays as a data set: one .npz or .csv file, or a folder of .npy, .csv or IDX files."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.arrays import IMAGES, LABELS, TEST, TRAIN, dataset_of, is_images, part_of, read_name
from handgrad.data.dataset import Dataset
from handgrad.data.idx import decode_any, is_idx
from handgrad.data.images import SUFFIXES as PICTURES
from handgrad.data.npz import read_npy, read_npz
from handgrad.data.parquet import read_pictures
from handgrad.data.places import read_file, visible
from handgrad.errors import CorruptDataError, UsageError
from handgrad.files import open_file
from handgrad.text import squashed

log = logging.getLogger("handgrad")
Array = NDArray[Any]
MAX_COLUMNS = 1 << 17  # pixels of 362 x 362
MAX_LINE = 1 << 21  # bytes
MAX_BYTES = 4 << 30
FEWEST = 2  # columns: what names a row, and its label
REMEDY = "Mend the file"
INDEX = ("", "unnamed0", "index", "id", "imageid", "rowid", "image", "file", "filename")  # a column that names the rows
SUFFIXES, PARQUET = (".npz", ".npy", ".csv", ".tsv"), ".parquet"
IDX_BYTES = 1 << 30
PICKLED = re.compile(rb"\x80[\x02-\x05]")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
READERS = {  # what a file of another program is, and how Python reads it
    **dict.fromkeys((".pkl", ".pickle", ".p"), ("a pickle", "pickle.load(open({}, 'rb'), encoding='latin1')")),
    **dict.fromkeys((".pt", ".pth"), ("PyTorch's pickle", "torch.load({}, weights_only=True)")),
    **dict.fromkeys((".h5", ".hdf5"), ("HDF5", "h5py.File({})")),
    ".mat": ("MATLAB's", "scipy.io.loadmat({})"),
    ".arff": ("Weka's", "scipy.io.arff.loadarff({})[0]"),
}


class Rows(NamedTuple):
    """Where there is no column of labels, or none that names the rows, it is None.

    Shapes  pixels (N, D) float or int; labels (N,) whole numbers or texts; names (N,)
    """

    pixels: Array
    labels: Array | None = None
    names: Array | None = None
    title: str = "ImageId"  # of the column of names


def foreign(path: Path) -> str:
    """What to do with a file of another program, in one line."""
    with open_file(path) as file:
        pickled = PICKLED.match(file.read(2)) is not None
    suffix = ".pkl" if pickled else path.suffix.lower()
    if suffix in PICTURES:
        return f"{path} is one picture, expected a folder of them; `handgrad predict RUN {path}` classifies it"
    if suffix in ARCHIVES:
        return f"{path} is an archive: unpack it, and give the folder"
    if suffix not in READERS:
        return f"{path}: no file of arrays ({', '.join(SUFFIXES)}) and no folder. Convert it to one of these"
    what, reader = READERS[suffix]
    warning = (
        ", which is never opened here, as opening it runs what it says. Where you trust it" if "pickle" in what else ""
    )
    return f"{path} is {what}{warning}: d = {reader.format(repr(str(path)))}; np.savez('new.npz', x=d[...], y=d[...])"


def load_array_file(path: Path) -> Dataset:
    """The data set in an .npz or .csv file.

    Raises  UsageError for an .npy file, which has no labels; CorruptDataError, FileSystemError for what is wrong in it.
    """
    if path.suffix.lower() == ".npy":
        raise UsageError(
            f"{path} holds one array, expected images and labels: save both with np.savez(FILE, x=images, y=labels), "
            "or put x_train.npy and y_train.npy into a folder and give that"
        )
    return dataset_of(path, read_npz(path) if path.suffix.lower() == ".npz" else dict(_of_table(path, TRAIN)))


def array_files(folder: Path) -> list[Path]:
    """The files of arrays in a folder, in its only sub-folder, or in those of its parts; of class folders, none."""
    inside = visible(folder)
    files = [path for path in inside if is_array_file(path)]
    folders = [path for path in inside if path.is_dir()]
    if folders and files:
        log.warning("%s: not used beside its sub-folders: %s", folder, ", ".join(path.name for path in files))
    if len(folders) > 1 and not all(part_of(path.name) for path in folders):
        return []
    folders.sort(key=lambda path: part_of(path.name) != TRAIN)
    found = list(takewhile(bool, map(array_files, folders)))
    return files if not folders else list(chain(*found)) if len(found) == len(folders) else []


def load_array_folder(folder: Path, files: list[Path]) -> Dataset:
    """The data set in the files of arrays of a folder; a single .npz file is one by itself.

    Raises  as `load_array_file`.
    """
    without = [path for path in files if path.suffix.lower() in (".csv", ".tsv") and len(_look(path)[0]) <= FEWEST]
    if without and len(without) < len(files):
        log.warning("%s: left out, as they hold no pixels: %s", folder, ", ".join(path.name for path in without))
        files = [path for path in files if path not in without]
    if len(files) == 1 and files[0].suffix.lower() in (".npz", ".csv", ".tsv"):
        return load_array_file(files[0])
    arrays: dict[str, Array] = {}
    origins: dict[str, Path] = {}
    for path in files:
        part = part_of(path.parent.name) if path.parent != folder else None
        for name, array in _arrays(path, f"{part}_" if part else ""):
            if name in arrays:
                what = f"{origins[name].name} and {path.name} both have {name.replace('_', ' ')}"
                raise CorruptDataError(f"{folder}: {what}, expected one. Move one of them away")
            arrays[name], origins[name] = array, path
    return dataset_of(folder, arrays)


def read_unlabelled(path: Path) -> Rows:
    """The images of a file of arrays, for a prediction; its labels are not needed and not used.

    Shapes  pixels (N, D), (N, H, W) and so on, as they lie there
    Raises  as `load_array_file`.
    """
    if path.suffix.lower() == PARQUET:
        return Rows(read_pictures(path))
    if path.suffix.lower() in (".csv", ".tsv"):
        rows = read_csv(path)
        if rows.labels is not None:
            log.warning("%s: its labels are not used", path.name)
        return rows
    arrays = dict(_arrays(path))
    found = {name: read_name(name.removeprefix(f"{path.stem}_")) for name in arrays}
    images = [name for name, each in found.items() if each.role == IMAGES] or [
        name for name, each in found.items() if each.role is None and is_images(arrays[name])
    ]
    images = [name for name in images if found[name].part == TEST] or images
    if len(images) != 1:
        listed = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "none"
        raise CorruptDataError(f"{path}: arrays are {listed}, expected one of images. Save them alone")
    if len(arrays) > 1:
        log.warning("%s: the images of %s are used, and nothing else in it", path.name, images[0])
    return Rows(arrays[images[0]])


def is_array_file(path: Path) -> bool:
    """Whether arrays are to be read from it, and no picture."""
    return path.is_file() and (path.suffix.lower() in (*SUFFIXES, PARQUET) or is_idx(path))


def _arrays(path: Path, part: str = "") -> Iterator[tuple[str, Array]]:
    """Each array of a file by its name, which begins with the `part` that the file's folder is."""
    suffix, stem = path.suffix.lower(), f"{part}{path.stem}"
    if suffix == ".npz":
        for name, array in read_npz(path).items():
            yield f"{stem}_{name}", array
    elif suffix == ".npy":
        yield stem, read_npy(path)
    elif suffix in (".csv", ".tsv"):
        yield from _of_table(path, read_name(stem).part)
    else:
        yield part + path.name.removesuffix(".gz"), decode_any(read_file(path, IDX_BYTES), str(path))


def _of_table(path: Path, part: str) -> Iterator[tuple[str, Array]]:
    pixels, labels, *_ = read_csv(path)
    if labels is None and part == TEST:
        log.warning("%s has no labels: it is for `handgrad predict`, and no test part", path)
        return
    yield f"{part}_images", pixels
    if labels is not None:
        yield f"{part}_labels", labels


def read_csv(path: Path) -> Rows:
    """The images of a table, with or without a header, separated by comma, semicolon or tab.

    Raises  FileSystemError when there is no regular file; CorruptDataError naming the first row that is wrong.
    """
    first, second, separator = _look(path)
    words = not all(map(_is_number, first)) and (not second or not _alike(first, second))
    header = first if words or (second and _are_numbered(first)) else None
    if header and not second:
        raise CorruptDataError(f"{path}: holds a header and no row, expected an image in each. {REMEDY}")
    texts = [k for k, cell in enumerate(second or first) if not _is_number(cell)]
    column, names = _label_column(path, header, texts)
    if len(second or first) < 2:
        raise CorruptDataError(f"{path}: rows have one column, expected an image's pixels, and its label. {REMEDY}")
    columns, pixels = _read(path, separator, 1 if header else 0, texts)
    if header and not words:
        log.warning("%s: its first row numbers the columns, and is no image", path.name)
    if column is None and not words:
        column = _guess(pixels)
    if column is not None and column not in columns:
        place = column - sum(text < column for text in texts)
        columns[column], pixels = pixels[:, place], np.delete(pixels, place, axis=1)
    if column is not None and not words:
        log.warning("%s: column %d of %d is taken for the label", path.name, column + 1, len(first))
    if words and names is None and column != 0 and squashed(first[0]) in INDEX and _numbers_rows(pixels[:, 0]):
        names, columns[0], pixels = 0, pixels[:, 0].astype(np.int64), pixels[:, 1:]
    if names is not None:
        log.warning("%s: column %d names the rows, and is left out", path.name, names + 1)
    if not pixels.size:
        raise CorruptDataError(f"{path}: rows have no pixels, expected an image in each. {REMEDY}")
    whole = np.abs(pixels).max() < 1 << 31 and (pixels == np.rint(pixels)).all()
    pixels = pixels.astype(np.int32) if whole else pixels
    title = first[names] if names is not None and header else "ImageId"
    found, called = (None if place is None else columns[place] for place in (column, names))
    return Rows(pixels, found, called, title)


def _look(path: Path) -> tuple[list[str], list[str], str]:
    """The first two rows, and what separates their cells."""
    with open_file(path) as file:
        size = path.stat().st_size
        lines = [file.readline(MAX_LINE + 1) for _ in range(2)]
    if not lines[0].strip():
        raise CorruptDataError(f"{path}: holds no row, expected an image in each. {REMEDY}")
    if size > MAX_BYTES or any(len(line) > MAX_LINE for line in lines):
        raise CorruptDataError(f"{path}: a row has over {MAX_LINE} bytes, or the file over {MAX_BYTES}. {REMEDY}")
    try:
        texts = [line.decode("utf-8-sig").strip("\r\n") for line in lines]
    except UnicodeDecodeError as error:
        raise CorruptDataError(f"{path}: is no text ({error.reason}), expected a CSV table. {REMEDY}") from error
    separator = max(",;\t", key=texts[0].count)
    if texts[0].count(separator) >= MAX_COLUMNS:
        raise CorruptDataError(f"{path}: has over {MAX_COLUMNS:,} columns, expected fewer. {REMEDY}")
    rows = [next(csv.reader([text], delimiter=separator), []) for text in texts]
    return rows[0], rows[1], separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _alike(first: list[str], second: list[str]) -> bool:
    """Whether both rows have texts in the same cells: then the first is no header."""
    return len(first) == len(second) and all(_is_number(a) == _is_number(b) for a, b in zip(first, second, strict=True))


def _are_numbered(cells: list[str]) -> bool:
    """Whether they are numbers of columns: 0, 1, 2, … or a row as pandas makes names of it, its repeats as 0.1, 0.2."""
    if [cell.partition(".")[0] for cell in cells] == [str(n + (cells[0] == "1")) for n in range(len(cells))]:
        return True
    seen, repeats = Counter[str](), 0
    for cell in cells:
        value, dot, number = cell.partition(".")
        if (number != str(seen[value])) if dot else seen[value]:
            return False
        seen[value] += 1
        repeats += bool(dot)
    return repeats > 0


def _label_column(path: Path, header: list[str] | None, texts: list[int]) -> tuple[int | None, int | None]:
    """The column named after a label, or the only one with texts; and one with texts whose name is in INDEX."""
    named = [k for k, name in enumerate(header or ()) if read_name(name).role == LABELS]
    if len(named) > 1 and header:
        log.warning("%s: %s are labels, the first is used", path.name, ", ".join(header[k] for k in named))
    names = [k for k in texts if header and k not in named and squashed(header[k]) in INDEX]
    labels = [*named[:1], *(k for k in texts if k not in (*named, *names[:1]))]
    if len(labels) > 1:
        places = " and ".join(str(column + 1) for column in texts[:2])
        raise CorruptDataError(f"{path}: texts in column {places}, expected numbers. {REMEDY}")
    return next(iter(labels), None), next(iter(names), None)


def _numbers_rows(column: Array) -> bool:
    return (column == np.rint(column)).all() and len(np.unique(column)) == len(column)


def _guess(table: Array) -> int | None:
    """First or last, where the rest is a square of pixels and it has a few whole numbers; None for pixels alone."""
    for column in (0, -1):
        values = table[:, column]
        rest = table.shape[1] - 1
        few = 2 <= len(np.unique(values)) <= min(1000, max(2, len(values) // 2)) and (values == np.rint(values)).all()
        if few and int(np.sqrt(rest)) ** 2 == rest:
            return column % table.shape[1]
    return None


def _read(path: Path, separator: str, skipped: int, texts: list[int]) -> tuple[dict[int, Array], Array]:
    """The columns of texts apart from all others, which are numbers."""
    found: dict[int, list[str]] = {column: [] for column in texts}

    def cells(lines: Any) -> Any:
        for row in csv.reader(lines, delimiter=separator):
            for column in reversed(texts if row else []):
                found[column].append(row.pop(column) if len(row) > column else "")
            if row:
                yield separator.join(row)

    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for _ in range(skipped):
                next(lines)
            source = cells(lines) if texts else lines
            table = np.loadtxt(source, dtype=np.float32, delimiter=separator, ndmin=2, comments=None, quotechar='"')
    except (ValueError, UnicodeDecodeError, csv.Error) as error:
        raise CorruptDataError(f"{path}: {' '.join(str(error).split()).rstrip('.')}. {REMEDY}") from error
    return {column: np.array(cells) for column, cells in found.items()}, table
