"""Data sets of which the MD5 of the downloads is published: KMNIST, QMNIST, EMNIST, MedMNIST and CIFAR.

A file that is proven so, or else the first one that is seen, pins the SHA-256 of its content for every later load.
"""

import hashlib
import json
import logging
import re
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Mapping
from configparser import SectionProxy
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from handgrad.data.arrays import dataset_of
from handgrad.data.dataset import Dataset, Images, Status, Verdict, verdict
from handgrad.data.decoded import through_cache
from handgrad.data.download import download
from handgrad.data.idx import MAX_BYTES, REMEDY, content_digest, decode_idx
from handgrad.data.idx_sets import IDX_FILES, classes_of, recognise, sections
from handgrad.data.npz import read_npz
from handgrad.data.places import DATA_VARIABLE, download_folder, files_below, keep, places, read_file, user_root
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import open_file
from handgrad.text import squashed

SHAPE, PIXELS = (3, 32, 32), 3 * 32 * 32
LARGEST_PART = 1 << 28  # of a file
TRAIN_FILE, TEST_FILE = re.compile(r"(data_batch_\d+|train)\.bin"), re.compile(r"(test_batch|test)\.bin")
LABEL_BYTES = {10: 1, 100: 2}  # in front of each image, by the number of classes
log = logging.getLogger("handgrad")
PINS = "pinned.json"  # beside a set's downloads: SHA-256 of the content of each file


def cifar_files(folder: Path) -> list[Path]:
    """The training and test files of CIFAR's format in a folder, by their names, or in its only sub-folder."""
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found = [path for path in inside if TRAIN_FILE.fullmatch(path.name) or TEST_FILE.fullmatch(path.name)]
    return found if found or len(inside) != 1 or not inside[0].is_dir() else cifar_files(inside[0])


def load_cifar_folder(folder: Path, files: list[Path]) -> Dataset:
    """The data set in files of CIFAR's format, of however many images; named as CIFAR's are where no file names them.

    Raises  CorruptDataError for a file that is of neither format, or where there is no training file.
    """
    contents = {path.name: read_file(path, LARGEST_PART) for path in files}
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


class PublishedSource(NamedTuple):
    """A section of sources.ini: `digests` are MD5 of the files that are downloaded, `archive` the one that holds all.

    Labels count from `first_label`; `transposed` images are stored by columns. Of CIFAR, the MD5 of the files in the
    archive are known too, and its `bytes`, by which it is found whatever it is called; `note` follows where it is not.
    """

    name: str
    title: str
    images: int
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    digests: dict[str, str]
    mirrors: tuple[str, ...]
    archive: str = ""
    first_label: int = 0
    transposed: bool = False
    bytes: int = 0
    note: str = ""

    @classmethod
    def of(cls, section: SectionProxy) -> Self:
        """What a section says; without files and archive, it is an .npz file of its name."""
        archive = section.get("archive", "")
        files = tuple(section.get("files", f"{section.name}.npz").split())
        downloads = [archive] if archive else [name if name.endswith(".npz") else f"{name}.gz" for name in files]
        inside = section.get("md5_inside", "").split()
        return cls(
            name=section.name,
            title=section["title"],
            images=int(section["images"]),
            class_names=classes_of(section),
            files=files,
            digests=dict(zip([*downloads, *files[: len(inside)]], [*section["md5"].split(), *inside], strict=True)),
            mirrors=tuple(section["mirrors"].split()),
            archive=archive,
            first_label=section.getint("first_label", 0),
            transposed=section.getboolean("transposed", False),
            bytes=section.getint("bytes", 0),
            note=section.get("note", ""),
        )

    @property
    def folder(self) -> str:
        """What the sets of one archive share."""
        return self.name.partition("_")[0]


class PublishedSet:
    """A named set of IDX files, of an .npz file, or in CIFAR's format; found on this machine, or downloaded."""

    def __init__(self, source: PublishedSource) -> None:
        self.source = source
        self.inputs_and_classes = (PIXELS, len(source.class_names)) if source.bytes else None

    def load(self) -> Dataset:
        """The data set, downloaded when no place has it.

        Raises  CorruptDataError for a wrong file; FileSystemError when the set cannot be had.
        """
        source = self.source
        if source.bytes:
            return self._whole(self._cifar())
        if len(source.files) == 1:
            path = self._obtain(source.files[0])
            self._prove(path)
            dataset = dataset_of(path, read_npz(path) | {"class names": np.array(source.class_names)})
            return self._whole(replace(dataset, name=source.name))
        arrays = [self._array(file) for file in source.files]
        x = [images.transpose(0, 2, 1) if source.transposed else images for images in arrays[::2]]
        y = [labels.astype(np.int64) - source.first_label for labels in arrays[1::2]]
        return self._whole(Dataset(source.name, x[0], y[0], x[1], y[1], source.class_names))

    def status(self) -> Status:
        """Where the set lies, without downloading; its files are read when it is loaded."""
        source, files, classes = self.source, len(self.source.files), len(self.source.class_names)
        wanted = source.files[:1] if source.bytes else source.files  # CIFAR is found as a whole
        found = [path.parent for path in map(self._find, wanted) if path] * (files // len(wanted))
        place = next(iter(found), None)
        place = place if len(found) == files else None
        return Status(source.name, source.title, place, len(found), files, source.images, classes)

    def fetch(self) -> Status:
        """Download into the cache whatever no place has.  Raises  FileSystemError when it cannot be had."""
        for file in self.source.files:
            self._obtain(file)
        return self.status()

    def verify(self) -> list[Verdict]:
        """Read every file from end to end, past the cache of decoded arrays."""
        return [self._verdict(file) for file in self.source.files]

    def _verdict(self, file: str) -> Verdict:
        def read(path: Path) -> None:
            if file.endswith(".npz") or self.source.bytes:  # proven as it is downloaded
                self._prove(path)
            else:
                self._read(path, file, self._pins().get(file))

        return verdict(file, self._find(file), read)

    def _whole(self, dataset: Dataset) -> Dataset:
        images = len(dataset.y_train) + len(dataset.y_test)
        if images != self.source.images:
            raise CorruptDataError(
                f"{self.source.name}: its files hold {images:,} images, expected {self.source.images:,}. {REMEDY}"
            )
        return dataset

    def _cifar(self) -> Dataset:
        """The set in CIFAR's format, each file proven; of an archive, what belongs there is read, in memory."""
        source, place = self.source, self._obtain(self.source.files[0])
        archived = place.name not in source.files
        paths = [place] if archived else [place.with_name(file) for file in source.files]
        for path in paths:
            self._prove(path)
        unpacked = {} if archived else {path.name: read_file(path, MAX_BYTES) for path in paths}
        found = unpacked or _members(place, source.files)
        classes, (*train, test) = len(source.class_names), [found[file] for file in source.files]
        parts = [part for contents in (train, [test]) if (part := cifar_part(contents, classes))]
        fingerprint = hashlib.sha256("".join(source.digests[file] for file in source.files).encode()).hexdigest()
        return Dataset(source.name, *parts[0], *parts[1], source.class_names, fingerprint)

    def _find(self, file: str) -> Path | None:
        """The first file of the right name: as it is downloaded, unpacked, or the archive that holds it.

        Of CIFAR, which people keep in parts too, a file among all of them that have as many bytes as the whole; or an
        archive by its size.
        """
        source, root = self.source, user_root()
        names = [name for name in (f"{file}.gz", file, source.archive) if name]
        folders = [place.folder for name in {source.name, source.folder} for place in places(name)]
        paths = [folder / name for name in names for folder in [*folders, Path.home() / ".medmnist"]]
        below = list(files_below(root, None if source.bytes else names)) if root else []
        if source.bytes:
            place = next((path for path in (*paths, *below) if path.is_file() and self._is_whole(path)), None)
            return place.with_name(file) if place and place.name in source.files else place
        own = [path for path in below if root and source.folder in squashed(str(path.relative_to(root.parent)))]
        paths += [path for name in names for path in own if path.name == name]
        return next((path for path in paths if path.is_file()), None)

    def _is_whole(self, path: Path) -> bool:
        """Whether it is CIFAR's archive, or its first file beside all others."""
        source = self.source
        if path.name != source.files[0]:
            return path.name == source.archive or path.stat().st_size == source.bytes
        beside = [path.with_name(file) for file in source.files]
        size = source.images * (LABEL_BYTES[len(source.class_names)] + PIXELS)
        return all(map(Path.is_file, beside)) and sum(each.stat().st_size for each in beside) == size

    def _obtain(self, file: str) -> Path:
        """Where the file, or the archive with it, lies now."""
        path = self._find(file)
        if path is not None:
            return path
        name = self.source.archive or (file if file.endswith(".npz") else f"{file}.gz")
        content, tried = download(self.source.mirrors, name, partial(self._compare, name))
        if content is None:
            where = "; ".join(f"{failure.where}: {failure.why}" for failure in tried)
            way = f"Put {name} anywhere below a folder called {self.source.folder} in {DATA_VARIABLE}"
            note = f". {self.source.note}" if self.source.note else ""
            raise FileSystemError(f"cannot find or download {name} of {self.source.name} ({where}). {way}{note}")
        return keep(download_folder(self.source.folder), name, content)

    def _array(self, file: str) -> Images:
        """The array of an IDX file, mapped into memory where it was read before."""
        path, pins = self._obtain(file), self._pins()
        if file in pins:
            return through_cache(pins[file], path, lambda: self._read(path, file, pins[file]))
        array = self._read(path, file, None)
        pins[file] = content_digest(array)
        try:
            keep(download_folder(self.source.folder), PINS, json.dumps(pins, indent=1))
        except FileSystemError as error:
            log.warning("digests are not kept for the next time: %s", error)
        return through_cache(pins[file], path, lambda: array)

    def _pins(self) -> dict[str, str]:
        try:
            pins = json.loads((download_folder(self.source.folder) / PINS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(file): str(digest) for file, digest in pins.items()} if isinstance(pins, dict) else {}

    def _read(self, path: Path, file: str, pin: str | None) -> Images:
        archived = path.name == self.source.archive
        if archived:
            self._prove(path)
        content = _members(path, [f"{file}.gz"])[f"{file}.gz"] if archived else read_file(path, MAX_BYTES)
        file_type = tuple(IDX_FILES.values())[self.source.files.index(file)]
        limit = len(self.source.class_names) + self.source.first_label if file_type == "labels" else None
        array = decode_idx(content, str(path), file_type, limit)
        got = content_digest(array)
        if archived or got == pin:
            return array
        if path.name in self.source.digests:
            self._prove(path)
            return array
        if pin is not None or recognise(got):
            what = f"not that of earlier loads (SHA-256 {pin})" if pin else f"that of {recognise(got)}"
            raise CorruptDataError(f"{path}: not the original file: its content is {what}. {REMEDY}")
        what = f"{file} of {self.source.name}"
        log.warning("%s: no digest of its content is published; it is taken for %s, and pinned", path, what)
        return array

    def _prove(self, path: Path) -> None:
        stat, digests = path.stat(), self.source.digests
        name = path.name if path.name in digests else self.source.archive
        self._require(_md5(path, stat.st_mtime_ns, stat.st_size), str(path), name)

    def _compare(self, name: str, content: bytes, origin: str) -> None:
        self._require(hashlib.md5(content, usedforsecurity=False).hexdigest(), origin, name)

    def _require(self, got: str, origin: str, name: str) -> None:
        expected = self.source.digests[name]
        if got != expected:
            what = f"not the original file: MD5 {got}, expected {expected} of {name}"
            raise CorruptDataError(f"{origin}: {what} of {self.source.name}. {REMEDY}")


@lru_cache(maxsize=8)
def _md5(path: Path, changed: int, size: int) -> str:
    """Once for all files of an archive: it is read again where it changed."""
    digest = hashlib.md5(usedforsecurity=False)
    with open_file(path) as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """The regular files of these names in an archive, whatever folder they lie in; nothing is written."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = {Path(each).name: each for each in archive.namelist()}
                found = {name: archive.read(inside[name]) for name in names if name in inside}
        else:
            with tarfile.open(path) as tape:
                streams = ((Path(each.name).name, tape.extractfile(each)) for each in tape if each.isfile())
                found = {name: stream.read() for name, stream in streams if stream and name in names}
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CorruptDataError(f"{path}: no whole archive ({error}). {REMEDY}") from error
    if missing := [name for name in names if name not in found]:
        raise CorruptDataError(f"{path}: {', '.join(missing)} is not in it. {REMEDY}")
    return found
