"""CIFAR-10 and CIFAR-100 in their binary version: an image is a byte or two of labels, then 1,024 bytes a colour.

The colours are red, green and blue, each row by row; of CIFAR-100's two labels, the second is the class. The Python
version is a pickle, which is never opened.

Ref     Krizhevsky, Learning multiple layers of features from tiny images, 2009
"""

import hashlib
import io
import logging
import re
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.data.dataset import Dataset, Images, Status, Verdict
from handgrad.data.download import download
from handgrad.data.places import DATA_VARIABLE, download_folder, files_below, places, read_file, user_root
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_write

log = logging.getLogger("handgrad")
SHAPE, PIXELS = (3, 32, 32), 3 * 32 * 32
MAX_BYTES = 1 << 28  # of an archive, and of a file in it
TRAIN_FILE, TEST_FILE = re.compile(r"(data_batch_\d+|train)\.bin"), re.compile(r"(test_batch|test)\.bin")
REMEDY = "Replace it with a fresh download"


class CifarSource(NamedTuple):
    """A named set; MD5, which its author publishes, of the archive and of the files in it: training, then test."""

    name: str
    title: str
    labels: int  # bytes in front of each image
    class_names: tuple[str, ...]
    archive: str
    size: int
    digest: str
    files: Mapping[str, str]
    images: int = 60_000


CIFAR10 = CifarSource(
    name="cifar10",
    title="colour photographs of 10 classes, 32 x 32",
    labels=1,
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    archive="cifar-10-binary.tar.gz",
    size=170_052_171,
    digest="c32a1d4ab5d03f1284b67883e8d87530",
    files={
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
        "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    },
)
CIFAR100_CLASSES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
CIFAR100 = CifarSource(
    name="cifar100",
    title="colour photographs of 100 classes, 32 x 32",
    labels=2,
    class_names=tuple(CIFAR100_CLASSES.split()),
    archive="cifar-100-binary.tar.gz",
    size=168_513_733,
    digest="03b5dce01913d631647c71ecec9e9cb8",
    files={"train.bin": "6172c7755cfe09b2fe270c85cebc1b15", "test.bin": "4499cfba6c016c1be1438163640a0898"},
)
CIFAR_SOURCES = (CIFAR10, CIFAR100)
MIRROR = "https://www.cs.toronto.edu/~kriz/"


def cifar_files(folder: Path) -> list[Path]:
    """The training and test files of CIFAR's format in a folder, by their names, or in its only sub-folder."""
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found = [path for path in inside if TRAIN_FILE.fullmatch(path.name) or TEST_FILE.fullmatch(path.name)]
    return found if found or len(inside) != 1 or not inside[0].is_dir() else cifar_files(inside[0])


def load_cifar_folder(folder: Path, files: list[Path]) -> Dataset:
    """The data set in files of CIFAR's format, of however many images; named as CIFAR's are where no file names them.

    Raises  CorruptDataError for a file that is of neither format, or where there is no training file.
    """
    contents = {path.name: read_file(path, MAX_BYTES) for path in files}
    source = _format(contents, folder)
    parts = [
        {name: each for name, each in contents.items() if pattern.fullmatch(name)}
        for pattern in (TRAIN_FILE, TEST_FILE)
    ]
    if not parts[0]:
        raise CorruptDataError(f"{folder}: {', '.join(contents)} but no training file, such as data_batch_1.bin")
    train, test = (_part(each, source, f"{folder}/") if each else None for each in parts)
    assert train is not None
    return assemble(folder.resolve().name, train, test, source.class_names)


def _format(contents: Mapping[str, bytes], folder: Path) -> CifarSource:
    """The set whose format has whole images in all files, and labels that are classes."""
    for source in CIFAR_SOURCES:
        size = source.labels + PIXELS
        if all(len(each) % size == 0 for each in contents.values()) and all(
            max(each[source.labels - 1 :: size]) < len(source.class_names) for each in contents.values()
        ):
            return source
    sizes = ", ".join(f"{name} {len(each)} bytes" for name, each in contents.items())
    expected = "images of 3073 bytes (a label below 10, then the pixels) or 3074 (two labels, the second below 100)"
    raise CorruptDataError(f"{folder}: {sizes}, expected CIFAR's binary format: {expected}. {REMEDY}")


def _part(contents: Mapping[str, bytes], source: CifarSource, where: str) -> Part:
    rows = np.frombuffer(b"".join(contents.values()), np.uint8).reshape(-1, source.labels + PIXELS)
    labels = rows[:, source.labels - 1].astype(np.int64)
    if labels.max() >= len(source.class_names):
        row, files = int(labels.argmax()), ", ".join(contents)
        what = f"label {labels[row]} in row {row}, expected 0 to {len(source.class_names) - 1}"
        raise CorruptDataError(f"{where}{files}: {what}. {REMEDY}")
    images: Images = np.ascontiguousarray(rows[:, source.labels :]).reshape(-1, *SHAPE)
    return Part(images, labels)


class CifarSet:
    """A named set: its archive, or the files in it, wherever they lie; each is checked by its MD5 on every load."""

    def __init__(self, source: CifarSource) -> None:
        self.source = source
        self.inputs_and_classes = (PIXELS, len(source.class_names))

    def load(self) -> Dataset:
        """The data set, downloaded when no place has it.

        Raises  CorruptDataError for a wrong file in the user's folder; FileSystemError when the set cannot be had.
        """
        found = self._find() or self._fetched()
        *train, test = self.source.files
        parts = [_part({name: found[name] for name in names}, self.source, "") for names in (train, [test])]
        fingerprint = hashlib.sha256("".join(self.source.files.values()).encode()).hexdigest()
        return Dataset(self.source.name, *parts[0], *parts[1], self.source.class_names, fingerprint)

    def status(self) -> Status:
        """Where the set lies, without downloading; its files are read when it is loaded."""
        source, place = self.source, self._place()
        files, classes = len(source.files), len(source.class_names)
        found = place if place is None or place.is_dir() else place.parent
        return Status(source.name, source.title, found, files * (place is not None), files, source.images, classes)

    def fetch(self) -> Status:
        """Download the archive into the cache unless it, or what it holds, is here."""
        if self._place() is None:
            self._fetched()
        return self.status()

    def verify(self) -> list[Verdict]:
        """Read every file from end to end."""
        place = self._place()
        try:
            self._find()
        except (CorruptDataError, FileSystemError) as error:
            return [Verdict(self.source.archive, place, False, str(error))]
        if place is None:
            return [Verdict(self.source.archive, None, False, f"found nowhere. Fetch it, or set {DATA_VARIABLE}")]
        return [Verdict(name, place, True) for name in self.source.files]

    def _place(self) -> Path | None:
        """The archive, or the folder that holds all of its files; whole by the size of each image."""
        root = user_root()
        folders = [place.folder for place in places(self.source.name) if place.folder.is_dir()]
        paths = [path for folder in folders for path in files_below(folder)]
        paths += [] if root is None else list(files_below(root))
        names = {(path.parent, path.name) for path in paths}
        total = self.source.images * (self.source.labels + PIXELS)
        for path in paths:
            if path.name == self.source.archive or path.stat().st_size == self.source.size:
                return path
            beside = [path.parent / name for name in self.source.files]
            whole = path == beside[0] and all((each.parent, each.name) in names for each in beside)
            if whole and sum(each.stat().st_size for each in beside) == total:
                return path.parent
        return None

    def _find(self) -> dict[str, bytes] | None:
        """The content of every file."""
        place = self._place()
        if place is None:
            return None
        if not place.is_dir():
            return self._unpacked(read_file(place, MAX_BYTES), str(place))
        found = {name: read_file(place / name, MAX_BYTES) for name in self.source.files}
        for name, content in found.items():
            self._check(content, self.source.files[name], f"{place / name}", name)
        return found

    def _unpacked(self, content: bytes, origin: str) -> dict[str, bytes]:
        """What is in the archive: only the regular files that belong there, and nothing is written."""
        self._check(content, self.source.digest, origin, self.source.archive)
        found = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
                for member in archive:
                    name = Path(member.name).name
                    stream = archive.extractfile(member) if member.isfile() and name in self.source.files else None
                    if stream is not None and member.size <= MAX_BYTES:
                        found[name] = stream.read()
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise CorruptDataError(f"{origin}: no whole archive ({error}). {REMEDY}") from error
        if missing := [name for name in self.source.files if name not in found]:
            raise CorruptDataError(f"{origin}: {', '.join(missing)} is not in it. {REMEDY}")
        return found

    def _check(self, content: bytes, digest: str, origin: str, wanted: str) -> None:
        got = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if got != digest:
            what = f"not the original file: MD5 {got}, expected {digest} of {wanted} of {self.source.name}"
            raise CorruptDataError(f"{origin}: {what}. {REMEDY}")

    def _fetched(self) -> dict[str, bytes]:
        content, tried = download((MIRROR,), self.source.archive, self._unpacked)
        if content is None:
            lines = [f"cannot find or download {self.source.name}. Tried:"]
            lines += [f"  {where}: {why}" for where, why in tried]
            lines += [
                "Ways out:",
                f"  - put {self.source.archive}, or the files in it, below a folder, and set {DATA_VARIABLE} to it",
                "  - give a folder of such files as --dataset: a part of the set will do",
                "The Python version, which torchvision keeps, is a pickle: it is never opened.",
            ]
            raise FileSystemError("\n".join(lines))
        folder = download_folder(self.source.name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            atomic_write(folder / self.source.archive, content)
        except (OSError, FileSystemError) as error:
            log.warning("the download of %s is not kept for the next time: %s", self.source.archive, error)
        return self._unpacked(content, self.source.archive)
