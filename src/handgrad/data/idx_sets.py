"""A data set of four IDX files: found on this machine or downloaded, and verified on every load."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Iterator
from configparser import ConfigParser, SectionProxy
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.data.dataset import Dataset, Images, Status, Verdict, verdict
from handgrad.data.decoded import mapped, through_cache
from handgrad.data.download import Failure, download
from handgrad.data.idx import REMEDY, FileType, content_digest, decode_idx, is_idx, read_idx
from handgrad.data.places import DATA_VARIABLE, download_folder, files_below, find_file, keep, places, user_root
from handgrad.errors import CorruptDataError, FileSystemError

IMAGES_TRAIN, LABELS_TRAIN = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
IMAGES_TEST, LABELS_TEST = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

IDX_FILES: dict[str, FileType] = {
    IMAGES_TRAIN: "images",
    LABELS_TRAIN: "labels",
    IMAGES_TEST: "images",
    LABELS_TEST: "labels",
}
log = logging.getLogger("handgrad")
REMEMBERED = 5.0  # seconds


class IdxSource(NamedTuple):
    """A data set of four IDX files; `digests` are SHA-256 of their uncompressed content, since mirrors recompress."""

    name: str
    title: str
    images: int
    class_names: tuple[str, ...]
    digests: dict[str, str]
    mirrors: tuple[str, ...]
    system_package: str | None = None


def sections() -> Iterator[SectionProxy]:
    """The data sets of sources.ini."""
    parser = ConfigParser(interpolation=None, delimiters=("=",))
    parser.read_string((files("handgrad.data") / "sources.ini").read_text(encoding="utf-8"))
    return (parser[name] for name in parser.sections())


def classes_of(section: SectionProxy) -> tuple[str, ...]:
    """The names of a set's classes."""
    return tuple(" ".join(section["classes"].split()).split("; "))


IDX_SOURCES = tuple(
    IdxSource(
        name=section.name,
        title=section["title"],
        images=int(section["images"]),
        class_names=classes_of(section),
        digests=dict(zip(IDX_FILES, section["sha256"].split(), strict=True)),
        mirrors=tuple(section["mirrors"].split()),
        system_package=section.get("package"),
    )
    for section in sections()
    if "sha256" in section
)


def recognise(digest: str) -> str | None:
    """Which known file has this content, such as `train-images-idx3-ubyte of mnist`."""
    for source in IDX_SOURCES:
        for file, known in source.digests.items():
            if known == digest:
                return f"{file} of {source.name}"
    return None


@lru_cache(maxsize=1)
def _idx_files(root: Path, period: int) -> list[Path]:
    """The IDX files below a folder: one walk for all files of all sets that a command looks for in a `period`."""
    return list(filter(is_idx, files_below(root)))


class _Search(NamedTuple):
    """The first right file and its array, and what was passed over on the way to it."""

    path: Path | None
    array: Images | None
    failures: list[Failure]


class IdxSet:
    """A named data set of four IDX files; each file is taken from the first place that has it right."""

    def __init__(self, source: IdxSource) -> None:
        self.source = source
        self.inputs_and_classes = (784, len(source.class_names))

    def load(self) -> Dataset:
        """The data set, downloaded when no place has it.

        Raises  CorruptDataError for a wrong file in the user's folder; FileSystemError when the set cannot be had.
        """
        x_train, x_test = self._obtain(IMAGES_TRAIN), self._obtain(IMAGES_TEST)
        y_train, y_test = self._obtain(LABELS_TRAIN).astype(np.int64), self._obtain(LABELS_TEST).astype(np.int64)
        digests = "".join(self.source.digests[file] for file in IDX_FILES)
        fingerprint = hashlib.sha256(digests.encode()).hexdigest()
        return Dataset(self.source.name, x_train, y_train, x_test, y_test, self.source.class_names, fingerprint)

    def status(self) -> Status:
        """Where the set lies and whether its files are right, without downloading."""
        source, found, problem = self.source, [], ""
        for file in IDX_FILES:
            try:
                path = self._search(file).path
            except (CorruptDataError, FileSystemError) as error:
                problem = problem or str(error)
            else:
                found += [path.parent] if path else []
        title, files, classes = source.title, len(IDX_FILES), len(source.class_names)
        return Status(source.name, title, [*found, None][0], len(found), files, source.images, classes, problem)

    def fetch(self) -> Status:
        """Download into the cache whatever file no place has.

        Raises  FileSystemError when it cannot be had or cannot be written.
        """
        for file in IDX_FILES:
            path, _, failures = self._search(file)
            if path is None:
                self._store(file, self._download(file, failures))
        return self.status()

    def verify(self) -> list[Verdict]:
        """Read every file from end to end, past the cache of decoded arrays."""
        return [self._verdict(file) for file in IDX_FILES]

    def _obtain(self, file: str) -> Images:
        _, array, failures = self._search(file)
        if array is None:
            array = mapped(self.source.digests[file])
        if array is not None:
            return array
        content = self._download(file, failures)
        try:
            return self._read(self._store(file, content), file)
        except FileSystemError as error:
            log.warning("the download of %s is not kept for the next time: %s", file, error)
            return self._decode(content, file, file)

    def _search(self, file: str) -> _Search:
        failures = []
        for folder, named_by_user in places(self.source.name):
            path = find_file(folder, file)
            if path is None:
                failures.append(Failure(str(folder / file), "there is no such file"))
                continue
            try:
                return _Search(path, self._read(path, file), failures)
            except (CorruptDataError, FileSystemError) as error:
                if named_by_user:
                    raise
                log.warning("passing over a file: %s", error)
                failures.append(Failure(str(path), str(error).removeprefix(f"{path}: ")))
        return self._by_content(file) or _Search(None, None, failures)

    def _by_content(self, file: str) -> _Search | None:
        """The file below HANDGRAD_DATA_DIR that holds these bytes, whatever it is called and however it is packed."""
        root = user_root()
        for path in () if root is None else _idx_files(root, int(time.monotonic() / REMEMBERED)):
            with contextlib.suppress(CorruptDataError, FileSystemError):
                return _Search(path, self._read(path, file), [])
        return None

    def _read(self, path: Path, file: str) -> Images:
        return through_cache(self.source.digests[file], path, lambda: self._read_source(path, file))

    def _read_source(self, path: Path, file: str) -> Images:
        return self._checked(read_idx(path, IDX_FILES[file], self._label_limit(file)), str(path), file)

    def _decode(self, content: bytes, origin: str, file: str) -> Images:
        return self._checked(decode_idx(content, origin, IDX_FILES[file], self._label_limit(file)), origin, file)

    def _label_limit(self, file: str) -> int | None:
        return len(self.source.class_names) if IDX_FILES[file] == "labels" else None

    def _checked(self, array: Images, origin: str, file: str) -> Images:
        got, expected = content_digest(array), self.source.digests[file]
        if got == expected:
            return array
        wanted, other = f"{file} of {self.source.name}", recognise(got)
        if other:
            raise CorruptDataError(f"{origin}: this is {other}, expected {wanted}. Put the right file in its place")
        raise CorruptDataError(
            f"{origin}: not the original file: content has SHA-256 {got}, expected {expected} of {wanted}. {REMEDY}"
        )

    def _download(self, file: str, failures: list[Failure]) -> bytes:
        content, tried = download(
            self.source.mirrors, f"{file}.gz", lambda content, address: self._decode(content, address, file)
        )
        if content is None:
            raise FileSystemError(self._explain_absence(file, failures + tried))
        return content

    def _store(self, file: str, content: bytes) -> Path:
        kept = keep(download_folder(self.source.name), f"{file}.gz", content)
        # A wrong file without .gz would be found before the right one that was just stored.
        with contextlib.suppress(OSError):
            kept.with_suffix("").unlink(missing_ok=True)
        return kept

    def _explain_absence(self, file: str, failures: list[Failure]) -> str:
        name, package = self.source.name, self.source.system_package
        ways = [
            "use --dataset digits, which needs no download",
            f"put the four files anywhere below a folder <data> and set {DATA_VARIABLE}=<data>",
            *([f"install Debian's package {package}"] if package else []),
        ]
        lines = [f"cannot find or download {file} of {name}. Tried:"]
        lines += [f"  {where}: {why}" for where, why in failures]
        return "\n".join([*lines, "Ways out:", *(f"  - {way}" for way in ways)])

    def _verdict(self, file: str) -> Verdict:
        found = (find_file(folder, file) for folder, _ in places(self.source.name))
        path = next((path for path in found if path is not None), None)
        path = path or (self._by_content(file) or _Search(None, None, [])).path
        return verdict(file, path, lambda path: self._read_source(path, file))
