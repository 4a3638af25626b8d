"""Sets whose files are proven by MD5 of the download: KMNIST, QMNIST, EMNIST and MedMNIST, in small; their sources."""

import gzip
import hashlib
import io
import struct
import zipfile

import numpy as np
import pytest
from tests.malformed import npz

from handgrad.data import DATASETS, load
from handgrad.data.idx_sets import IDX_FILES, sections
from handgrad.data.published_sets import PublishedSet, PublishedSource
from handgrad.errors import CorruptDataError, FileSystemError, UsageError

PIXELS = np.random.default_rng(0).integers(0, 256, (18, 4, 5), np.uint8)
LABELS = np.arange(18, dtype=np.uint8) % 3
ARRAYS = (PIXELS[:12], LABELS[:12], PIXELS[12:], LABELS[12:])


def md5(content):
    return hashlib.md5(content).hexdigest()


def zipped(content):
    return gzip.compress(content, mtime=0)


def source(name, files, **more):
    digests = {each: md5(content) for each, content in files.items()}
    names = more.pop("names", tuple(each.removesuffix(".gz") for each in files))
    return PublishedSource(name, "noise", 18, ("a", "b", "c"), names, digests, more.pop("mirrors", ()), **more)


def kmnist(idx_bytes, **more):
    files = {f"{name}.gz": zipped(idx_bytes(array)) for name, array in zip(IDX_FILES, ARRAYS, strict=True)}
    return source("kmnist", files, **more), files


def qmnist(idx_bytes):
    """Labels of eight numbers each, the first of which is the class."""
    wide = [np.stack([labels, *[labels + 7] * 7], axis=1).astype(">i4") for labels in ARRAYS[1::2]]
    encoded = [struct.pack(">I2I", 0xC02, *each.shape) + each.tobytes() for each in wide]
    contents = [idx_bytes(ARRAYS[0]), encoded[0], idx_bytes(ARRAYS[2]), encoded[1]]
    kinds = ("images-idx3-ubyte", "labels-idx2-int")
    names = [f"qmnist-{part}-{kind}.gz" for part in ("train", "test") for kind in kinds]
    files = {name: zipped(content) for name, content in zip(names, contents, strict=True)}
    return source("qmnist", files), files


def emnist(idx_bytes, **more):
    """Stored by columns, labels from 1, in one archive."""
    names = tuple(f"emnist-letters-{part}-{kind}" for part in ("train", "test") for kind in ("images", "labels"))
    stored = [each.transpose(0, 2, 1) if each.ndim == 3 else each + 1 for each in ARRAYS]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in zip(names, stored, strict=True):
            archive.writestr(f"gzip/{name}.gz", zipped(idx_bytes(np.ascontiguousarray(array))))
    files = {"gzip.zip": buffer.getvalue()}
    options = {"names": names, "archive": "gzip.zip", "first_label": 1, "transposed": True, **more}
    return source("emnist_letters", files, **options), files


def medmnist(idx_bytes):
    arrays = dict(zip(("train_images", "train_labels", "test_images", "test_labels"), ARRAYS, strict=True))
    content = npz(**arrays | {"val_images": PIXELS[:6], "val_labels": LABELS[:6, None]})
    return source("breastmnist", {"breastmnist.npz": content})._replace(images=24), {"breastmnist.npz": content}


MADE = (kmnist, qmnist, emnist, medmnist)


def assert_whole(dataset):
    np.testing.assert_array_equal(dataset.x_train[:12], PIXELS[:12])
    np.testing.assert_array_equal(dataset.x_test, PIXELS[12:])
    assert dataset.y_train[:12].tolist() == LABELS[:12].tolist()
    assert (dataset.y_test.tolist(), dataset.class_names) == (LABELS[12:].tolist(), ("a", "b", "c"))


@pytest.mark.parametrize("make", MADE)
def test_downloaded_once_and_verified(server, cache, idx_bytes, make):
    described, files = make(idx_bytes)
    described = described._replace(mirrors=(f"{server.base}/bad/", f"{server.base}/good/"))
    for name, content in files.items():
        server.answers[f"/bad/{name}"] = (200, {}, content + b"x")
        server.answers[f"/good/{name}"] = (200, {}, content)
    for _ in range(2):
        assert_whole(PublishedSet(described).load())
    assert server.asked == [f"/{mirror}/{name}" for name in files for mirror in ("bad", "good")]
    status = PublishedSet(described).status()
    assert (status.place, status.files_ok) == (cache / "data" / described.folder, len(described.files))
    assert all(verdict.ok for verdict in PublishedSet(described).verify())


@pytest.mark.parametrize("make", MADE)
def test_found_in_the_layout_of_torchvision_and_medmnist(user_folder, file_of, idx_bytes, make, caplog):
    described, files = make(idx_bytes)
    for name, content in files.items():
        file_of(user_folder / described.folder.upper() / "raw" / name, content)
    assert_whole(PublishedSet(described).load())
    assert "pinned" not in caplog.text


def test_validation_images_of_medmnist(user_folder, file_of, idx_bytes):
    described, files = medmnist(idx_bytes)
    file_of(user_folder / "breastmnist.npz", files["breastmnist.npz"])
    dataset = PublishedSet(described).load()
    assert (dataset.name, dataset.validation_images, len(dataset.x_train)) == ("breastmnist", 6, 18)


def test_unpacked_files_are_pinned_when_first_seen(user_folder, file_of, idx_bytes, cache, caplog):
    described, files = kmnist(idx_bytes)
    folder = user_folder / "KMNIST" / "raw"
    for name, content in files.items():
        file_of(folder / name.removesuffix(".gz"), gzip.decompress(content))
    assert_whole(PublishedSet(described).load())
    assert caplog.text.count("no digest of its content is published; it is taken for train-images-idx3") == 1
    caplog.clear()
    assert_whole(PublishedSet(described).load())
    assert caplog.text == ""
    file_of(folder / "train-images-idx3-ubyte", idx_bytes(255 - ARRAYS[0]))
    with pytest.raises(CorruptDataError, match="not that of earlier loads"):
        PublishedSet(described).load()
    (verdict, *_) = PublishedSet(described).verify()
    assert not verdict.ok


def test_a_download_that_is_not_the_original(user_folder, file_of, idx_bytes):
    for make in (emnist, medmnist, kmnist):
        described, files = make(idx_bytes)
        name, content = next(iter(files.items()))
        other = gzip.compress(gzip.decompress(content), 1) if make is kmnist else content + b"x"
        file_of(user_folder / described.folder / name, other)
        with pytest.raises(CorruptDataError, match=f"not the original file: MD5 .* of {name}"):
            PublishedSet(described).load()


def test_files_of_mnist_are_not_taken_for_those_of_kmnist(user_folder, put_files, tiny_files, idx_bytes):
    put_files(user_folder / "MNIST" / "raw", tiny_files)
    with pytest.raises(FileSystemError, match=r"cannot find or download train-images-idx3-ubyte.gz of kmnist"):
        PublishedSet(kmnist(idx_bytes)[0]).load()


def test_fewer_images_than_there_are(user_folder, file_of, idx_bytes):
    described, files = kmnist(idx_bytes)
    for name, content in files.items():
        file_of(user_folder / "kmnist" / name, content)
    with pytest.raises(CorruptDataError, match="its files hold 18 images, expected 19"):
        PublishedSet(described._replace(images=19)).load()


def test_sources():
    """What is published: an MD5 a download, https only, every class by name, as many files as there are digests."""
    published = {section.name: PublishedSource.of(section) for section in sections() if "md5" in section}
    assert published.keys() | {"digits", "mnist", "fashion_mnist"} <= DATASETS.keys()
    for each in published.values():
        assert all(len(digest) == 32 for digest in each.digests.values())
        assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in each.mirrors)
        assert len(set(each.class_names)) == len(each.class_names)
        assert set(each.files) < each.digests.keys() if each.bytes else len(each.files) in (1, 4)
    classes = {name: len(each.class_names) for name, each in published.items() if name.startswith("emnist")}
    assert classes == {"emnist_letters": 26, "emnist_digits": 10, "emnist_balanced": 47, "emnist_byclass": 62}
    assert published["emnist_letters"].first_label == 1


def test_a_family_is_no_set():
    with pytest.raises(UsageError, match="Choose one: emnist_letters, emnist_digits, emnist_balanced, emnist_byclass"):
        load("EMNIST")
