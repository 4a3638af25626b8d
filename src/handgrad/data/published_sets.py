"""Data sets by name of which MD5 of the files is published as they are downloaded: KMNIST, QMNIST, EMNIST, MedMNIST.

A file that is proven so, or else the first one that is seen, pins the SHA-256 of its content for every later load.
"""

import hashlib
import json
import logging
import zipfile
from configparser import SectionProxy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from handgrad.data.arrays import dataset_of
from handgrad.data.dataset import Dataset, Images, Status, Verdict
from handgrad.data.decoded import through_cache
from handgrad.data.download import download
from handgrad.data.idx import MAX_BYTES, REMEDY, content_digest, decode_idx
from handgrad.data.idx_sets import IDX_FILES, recognise
from handgrad.data.npz import read_npz
from handgrad.data.places import DATA_VARIABLE, download_folder, files_below, places, read_file, user_root
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_write, open_file
from handgrad.text import squashed

log = logging.getLogger("handgrad")
PINS = "pinned.json"  # beside a set's downloads: SHA-256 of the content of each file


class PublishedSource(NamedTuple):
    """A section of sources.ini: `digests` are MD5 of the files that are downloaded, `archive` the one that holds all.

    Labels count from `first_label`; `transposed` images are stored by columns.
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

    @classmethod
    def of(cls, section: SectionProxy) -> Self:
        """What a section says; without files and archive, it is an .npz file of its name."""
        archive = section.get("archive", "")
        files = tuple(section.get("files", f"{section.name}.npz").split())
        downloads = [archive] if archive else [name if name.endswith(".npz") else f"{name}.gz" for name in files]
        return cls(
            name=section.name,
            title=section["title"],
            images=int(section["images"]),
            class_names=tuple(" ".join(section["classes"].split()).split("; ")),
            files=files,
            digests=dict(zip(downloads, section["md5"].split(), strict=True)),
            mirrors=tuple(section["mirrors"].split()),
            archive=archive,
            first_label=section.getint("first_label", 0),
            transposed=section.getboolean("transposed", False),
        )

    @property
    def folder(self) -> str:
        """What the sets of one archive share."""
        return self.name.partition("_")[0]


class PublishedSet:
    """A named set of four IDX files, or of one .npz file; each is found on this machine by its name, or downloaded."""

    def __init__(self, source: PublishedSource) -> None:
        self.source = source

    def load(self) -> Dataset:
        """The data set, downloaded when no place has it.

        Raises  CorruptDataError for a wrong file; FileSystemError when the set cannot be had.
        """
        source = self.source
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
        source, found = self.source, [path.parent for path in map(self._find, self.source.files) if path]
        place, files, classes = next(iter(found), None), len(source.files), len(source.class_names)
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
        path = self._find(file)
        if path is None:
            return Verdict(file, None, False, f"found nowhere. Fetch it, or set {DATA_VARIABLE}")
        try:
            if file.endswith(".npz"):
                self._prove(path)
            else:
                self._read(path, file, self._pins().get(file))
        except (CorruptDataError, FileSystemError) as error:
            return Verdict(file, path, False, str(error))
        return Verdict(file, path, True)

    def _whole(self, dataset: Dataset) -> Dataset:
        images = len(dataset.y_train) + len(dataset.y_test)
        if images != self.source.images:
            raise CorruptDataError(
                f"{self.source.name}: its files hold {images:,} images, expected {self.source.images:,}. {REMEDY}"
            )
        return dataset

    def _find(self, file: str) -> Path | None:
        """The first file of the right name: as it is downloaded, unpacked, or the archive that holds it."""
        names = [name for name in (f"{file}.gz", file, self.source.archive) if name]
        folders = [place.folder for name in {self.source.name, self.source.folder} for place in places(name)]
        folders.append(Path.home() / ".medmnist")
        root = user_root()
        if root is not None:
            own, below = self.source.folder, files_below(root, names)
            folders += [path.parent for path in below if own in squashed(str(path.relative_to(root.parent)))]
        paths = (folder / name for name in names for folder in folders)
        return next((path for path in paths if path.is_file()), None)

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
            raise FileSystemError(f"cannot find or download {name} of {self.source.name} ({where}). {way}")
        path = download_folder(self.source.folder) / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileSystemError(f"cannot make {path.parent}: {error.strerror}. Check its permissions") from error
        atomic_write(path, content)
        return path

    def _array(self, file: str) -> Images:
        """The array of an IDX file, mapped into memory where it was read before."""
        path, pins = self._obtain(file), self._pins()
        if file in pins:
            return through_cache(pins[file], path, lambda: self._read(path, file, pins[file]))
        array = self._read(path, file, None)
        pins[file] = content_digest(array)
        place = download_folder(self.source.folder) / PINS
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(place, json.dumps(pins, indent=1))
        except (OSError, FileSystemError) as error:
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
        content = _member(path, f"{file}.gz") if archived else read_file(path, MAX_BYTES)
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
        self._require(_md5(path), str(path), path.name)

    def _compare(self, name: str, content: bytes, origin: str) -> None:
        self._require(hashlib.md5(content, usedforsecurity=False).hexdigest(), origin, name)

    def _require(self, got: str, origin: str, name: str) -> None:
        expected = self.source.digests[name]
        if got != expected:
            what = f"not the original file: MD5 {got}, expected {expected} of {name}"
            raise CorruptDataError(f"{origin}: {what} of {self.source.name}. {REMEDY}")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open_file(path) as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(next(each for each in archive.namelist() if Path(each).name == name))
    except (zipfile.BadZipFile, OSError, StopIteration) as error:
        raise CorruptDataError(f"{path}: no whole archive with {name} ({error}). {REMEDY}") from error
