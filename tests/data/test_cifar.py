"""CIFAR's binary format: by path, by name in an archive or unpacked, and what is refused."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from handgrad import data
from handgrad.data.idx_sets import sections
from handgrad.data.published_sets import PublishedSet, PublishedSource
from handgrad.errors import CorruptDataError, FileSystemError

GENERATOR = np.random.default_rng(4)
CIFAR10, CIFAR100 = (PublishedSource.of(each) for each in sections() if each.name in ("cifar10", "cifar100"))
NAMES = CIFAR10.files


def batch(labels, width=1):
    """Rows of that many labels, the last of which counts, and 3,072 pixels."""
    rows = GENERATOR.integers(0, 10, (len(labels), width + 3072)).astype(np.uint8)
    rows[:, width - 1] = labels
    return rows.tobytes()


def written(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def small():
    """A set of the same names and another size, with its own digests; 12 images in all."""
    contents = {name: batch([number, number + 1]) for number, name in enumerate(NAMES)}
    archive = packed(contents)
    digests = {name: md5(content) for name, content in contents.items()}
    return PublishedSet(described(archive, digests)), contents, archive


def described(archive, digests):
    return CIFAR10._replace(digests=digests | {CIFAR10.archive: md5(archive)}, bytes=len(archive), images=12)


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def packed(contents, folder="cifar-10-batches-bin/"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("width", [1, 2])
def test_a_folder_by_path(tmp_path, width):
    content = batch(range(8), width)
    contents = {
        "data_batch_2.bin": content,
        "data_batch_1.bin": batch([9, 9], width),
        "test_batch.bin": batch([5], width),
    }
    dataset = data.load(written(tmp_path / "part", contents))
    assert dataset.y_train.tolist() == [9, 9, *range(8)]
    assert dataset.image_shape == (3, 32, 32)
    assert dataset.class_names == (CIFAR10, CIFAR100)[width - 1].class_names
    red = np.frombuffer(content, np.uint8)[width : width + 1024]
    assert dataset.x_train[2, 0].tolist() == red.reshape(32, 32).tolist()


def test_names_of_the_classes():
    assert len(set(CIFAR100.class_names)) == 100
    assert list(CIFAR100.class_names) == sorted(CIFAR100.class_names)
    assert CIFAR10.class_names[3] == "cat"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (batch([1, 2])[:-1], "data_batch_1.bin 6145 bytes"),
        (batch([1, 10]), "a label below 10"),
        (b"", "0 bytes"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, content, words):
    with pytest.raises(CorruptDataError, match=words):
        data.load(written(tmp_path / "part", {"data_batch_1.bin": content}))


def test_a_test_file_alone_is_refused(tmp_path):
    with pytest.raises(CorruptDataError, match="no training file"):
        data.load(written(tmp_path / "part", {"test_batch.bin": batch([1])}))


@pytest.mark.parametrize("place", ["archive", "archive of another name", "unpacked"])
def test_by_name_wherever_it_lies(data_folder, place):
    found, contents, archive = small()
    if place == "unpacked":
        written(data_folder / "downloads" / "cifar", contents)
    else:
        name = CIFAR10.archive if place == "archive" else "mine.tgz"
        written(data_folder / "downloads", {name: archive})
    dataset = found.load()
    assert dataset.y_train.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert dataset.y_test.tolist() == [5, 6]
    assert found.status().place is not None
    assert all(verdict.ok for verdict in found.verify())


def test_other_bytes_under_the_name_are_refused(data_folder):
    found, contents, archive = small()
    written(data_folder, {CIFAR10.archive: archive[:-30] + bytes(30)})
    with pytest.raises(CorruptDataError, match="not the original file"):
        found.load()
    assert not found.verify()[0].ok
    (data_folder / CIFAR10.archive).unlink()
    changed = contents["test_batch.bin"][:-1] + b"\0"
    written(data_folder, contents | {"test_batch.bin": changed})
    with pytest.raises(CorruptDataError, match=r"test_batch\.bin: not the original file"):
        found.load()
    assert [verdict.ok for verdict in found.verify()] == [True] * 5 + [False]


def test_a_part_is_not_taken_for_the_whole(data_folder):
    """People keep parts of CIFAR under the names of the whole: such a folder is read by its path."""
    found, contents, _ = small()
    written(data_folder / "cifar10", contents | {"test_batch.bin": batch([1])})
    assert found.status().place is None


def test_an_archive_writes_nothing_and_takes_regular_files_only(data_folder):
    """A member of a right name that is a link, or lies above, changes nothing outside of the memory."""
    found, contents, _ = small()
    archive = packed(contents, "../../")
    found.source = described(archive, found.source.digests)
    written(data_folder, {CIFAR10.archive: archive})
    assert len(found.load().y_train) == 10
    assert sorted(path.name for path in data_folder.iterdir()) == [CIFAR10.archive]
    del contents["test_batch.bin"]
    archive = packed(contents)
    found.source = described(archive, found.source.digests)
    written(data_folder, {CIFAR10.archive: archive})
    with pytest.raises(CorruptDataError, match=r"test_batch\.bin"):
        found.load()


def test_what_cannot_be_had_says_where_to_put_it(data_folder, monkeypatch):
    monkeypatch.setattr("handgrad.data.download._fetch", lambda address: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(FileSystemError, match="is never opened"):
        data.load("cifar-10")
