"""Named sets of four IDX files: where they are found, what is refused, and what the caches may and may not do."""

import gzip
import json
import os

import numpy as np
import pytest

from handgrad.data.idx_sets import IDX_FILES, IDX_SOURCES, IMAGES_TEST, IMAGES_TRAIN, LABELS_TRAIN, IdxSet
from handgrad.errors import CorruptDataError, FileSystemError


def pixels(content):
    return np.frombuffer(content, np.uint8, offset=16)


def assert_tiny(dataset, files):
    np.testing.assert_array_equal(dataset.x_train.ravel(), pixels(files[IMAGES_TRAIN]))
    np.testing.assert_array_equal(dataset.x_test.ravel(), pixels(files[IMAGES_TEST]))
    assert dataset.y_train.tolist() == [0, 1, 2] * 4
    assert dataset.class_names == ("a", "b", "c")


def refusal(tiny):
    with pytest.raises(CorruptDataError) as caught:
        IdxSet(tiny).load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("spelling", ["tiny_set", "tiny-set"])
@pytest.mark.parametrize("zipped", [True, False])
def test_found_in_the_users_folder(tiny, tiny_files, put_files, user_folder, spelling, zipped):
    put_files(user_folder / spelling, tiny_files, zipped)
    assert_tiny(IdxSet(tiny).load(), tiny_files)


@pytest.mark.parametrize("place", ["cache/data/tiny_set", "system/tiny_set", "system/tiny-set"])
def test_found_in_the_other_places(tiny, tiny_files, put_files, tmp_path, place):
    put_files(tmp_path / place, tiny_files)
    assert_tiny(IdxSet(tiny).load(), tiny_files)
    assert IdxSet(tiny).status().place == tmp_path / place


def test_the_users_folder_comes_first(tiny, tiny_files, put_files, user_folder, tmp_path):
    put_files(tmp_path / "cache/data/tiny_set", tiny_files)
    put_files(user_folder / "tiny_set", tiny_files)
    assert IdxSet(tiny).status().place == user_folder / "tiny_set"


def test_a_data_folder_that_does_not_exist_is_an_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(FileSystemError, match=r"HANDGRAD_DATA_DIR is '.*nowhere', expected a folder"):
        IdxSet(tiny).load()


def test_a_corrupt_file_of_the_user_is_never_skipped(tiny, tiny_files, put_files, user_folder, tmp_path):
    put_files(tmp_path / "cache/data/tiny_set", tiny_files)
    folder = put_files(user_folder / "tiny_set", tiny_files)
    path = folder / f"{IMAGES_TRAIN}.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert str(path) in refusal(tiny)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileSystemError, match="it is a folder"):
        IdxSet(tiny).load()


def test_a_file_that_is_not_the_original_is_refused(tiny, tiny_files, put_files, user_folder):
    content = bytearray(tiny_files[IMAGES_TRAIN])
    content[-1] ^= 1
    put_files(user_folder / "tiny_set", tiny_files | {IMAGES_TRAIN: bytes(content)})
    message = refusal(tiny)
    assert "not the original file" in message
    assert tiny.digests[IMAGES_TRAIN] in message
    assert f"{IMAGES_TRAIN} of tiny_set" in message


def test_a_file_of_another_set_is_recognised(real_folder, user_folder):
    (user_folder / "mnist").mkdir()
    for file in IDX_FILES:
        (user_folder / "mnist" / f"{file}.gz").symlink_to(real_folder / "fashion_mnist" / f"{file}.gz")
    message = refusal(IDX_SOURCES[0])
    assert f"this is {IMAGES_TRAIN} of fashion_mnist, expected {IMAGES_TRAIN} of mnist" in message


def test_labels_out_of_range_are_told_as_such(tiny, tiny_files, put_files, user_folder):
    content = tiny_files[LABELS_TRAIN][:-1] + b"\x03"
    put_files(user_folder / "tiny_set", tiny_files | {LABELS_TRAIN: content})
    assert "label 3 in row 11, expected 0 to 2" in refusal(tiny)


def test_a_second_load_does_not_read_the_source(tiny, tiny_files, put_files, user_folder):
    """Same size and time, other content: were the file read, it would be refused."""
    folder = put_files(user_folder / "tiny_set", tiny_files)
    first = IdxSet(tiny).load()
    path = folder / f"{IMAGES_TRAIN}.gz"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = IdxSet(tiny).load()
    assert_tiny(again, tiny_files)
    assert again.fingerprint == first.fingerprint


def test_a_source_that_changed_is_read_again(tiny, tiny_files, put_files, user_folder):
    folder = put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    path = folder / f"{IMAGES_TRAIN}.gz"
    path.write_bytes(bytes(path.stat().st_size + 1))
    assert str(path) in refusal(tiny)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap_shape(path):
    array = np.load(path)
    np.save(path, array.reshape(-1))


def pickle_instead(path):
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def fortran_instead(path):
    np.save(path, np.asfortranarray(np.load(path)))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip, swap_shape, pickle_instead, fortran_instead, truncate, empty])
def test_a_damaged_decoded_array_is_rebuilt(tiny, tiny_files, put_files, user_folder, cache, damage):
    put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    kept = cache / "decoded" / f"{tiny.digests[IMAGES_TRAIN]}.npy"
    whole = kept.read_bytes()
    damage(kept)
    assert_tiny(IdxSet(tiny).load(), tiny_files)
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"x": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_sidecar_is_rebuilt(tiny, tiny_files, put_files, user_folder, cache, content):
    folder = put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    sidecar = cache / "decoded" / f"{tiny.digests[IMAGES_TRAIN]}.json"
    sidecar.write_bytes(content)
    assert_tiny(IdxSet(tiny).load(), tiny_files)
    path = folder / f"{IMAGES_TRAIN}.gz"
    assert json.loads(sidecar.read_bytes())[str(path)] == [path.stat().st_size, path.stat().st_mtime_ns]


def test_decoded_arrays_are_mapped_and_read_only(tiny, tiny_files, put_files, user_folder):
    put_files(user_folder / "tiny_set", tiny_files)
    for dataset in (IdxSet(tiny).load(), IdxSet(tiny).load()):
        assert isinstance(dataset.x_train.base.base, np.memmap) or isinstance(dataset.x_train.base, np.memmap)
        assert not dataset.x_train.flags.writeable


def test_decoded_arrays_serve_when_the_source_is_gone(tiny, tiny_files, put_files, user_folder, monkeypatch):
    put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    monkeypatch.delenv("HANDGRAD_DATA_DIR")
    assert_tiny(IdxSet(tiny).load(), tiny_files)


def test_loads_without_a_cache_that_can_be_written(tiny, tiny_files, put_files, user_folder, cache):
    cache.write_bytes(b"a file where the cache folder should be")
    put_files(user_folder / "tiny_set", tiny_files)
    assert_tiny(IdxSet(tiny).load(), tiny_files)


def test_leftovers_of_killed_writers_are_swept(tiny, tiny_files, put_files, user_folder, cache):
    old, young = cache / "decoded/.handgrad-partial-old.npy", cache / "decoded/.handgrad-partial-young.npy"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"torn")
    young.write_bytes(b"being written")
    os.utime(old, (1, 1))
    put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    assert not old.exists()
    assert young.exists()


def test_status_without_files(tiny):
    status = IdxSet(tiny).status()
    assert (status.place, status.files_ok, status.files, status.images, status.classes) == (None, 0, 4, 18, 3)


def test_status_tells_a_problem(tiny, tiny_files, put_files, user_folder):
    folder = put_files(user_folder / "tiny_set", tiny_files)
    (folder / f"{IMAGES_TEST}.gz").write_bytes(b"")
    status = IdxSet(tiny).status()
    assert status.files_ok == 3
    assert IMAGES_TEST in status.problem


def test_verify_reads_past_the_cache(tiny, tiny_files, put_files, user_folder):
    folder = put_files(user_folder / "tiny_set", tiny_files)
    IdxSet(tiny).load()
    path = folder / f"{IMAGES_TRAIN}.gz"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / f"{IMAGES_TEST}.gz").unlink()
    verdicts = {verdict.file: verdict for verdict in IdxSet(tiny).verify()}
    assert not verdicts[IMAGES_TRAIN].ok
    assert "no IDX file" in verdicts[IMAGES_TRAIN].problem
    assert verdicts[IMAGES_TEST].path is None
    assert verdicts[LABELS_TRAIN] == (LABELS_TRAIN, folder / f"{LABELS_TRAIN}.gz", True, "")


def test_absence_tells_every_place_address_and_way_out(tiny, user_folder, tmp_path):
    with pytest.raises(FileSystemError) as caught:
        IdxSet(tiny._replace(system_package="dataset-tiny")).load()
    message = str(caught.value)
    for place in (user_folder / "tiny_set", user_folder / "tiny-set", tmp_path / "cache/data/tiny_set"):
        assert f"{place / IMAGES_TRAIN}: there is no such file" in message
    assert f"https://127.0.0.1:9/tiny/{IMAGES_TRAIN}.gz: " in message
    assert "refused" in message
    for way in ("--dataset digits", "HANDGRAD_DATA_DIR=", "Debian's package dataset-tiny"):
        assert way in message


def test_gzip_in_a_file_without_gz_is_accepted(tiny, tiny_files, put_files, user_folder):
    folder = put_files(user_folder / "tiny_set", tiny_files, zipped=False)
    (folder / IMAGES_TRAIN).write_bytes(gzip.compress(tiny_files[IMAGES_TRAIN]))
    assert_tiny(IdxSet(tiny).load(), tiny_files)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"MNIST/raw/{name}",
        lambda name: name.replace("-idx", ".idx"),
        lambda name: f"archive/{name}/{name}",
        lambda name: f"{name[:8]}.bin",
    ],
)
def test_files_are_found_by_their_content(user_folder, put_files, tiny, tiny_files, zipped, rename):
    """Wherever torchvision, Kaggle or a person put them below the user's folder, and whatever they are called."""
    for name, content in tiny_files.items():
        put_files(user_folder / rename(name).rpartition("/")[0], {rename(name).rpartition("/")[2]: content}, zipped)
    put_files(user_folder / "other", {"notes.txt": b"no array"}, zipped=False)
    dataset = IdxSet(tiny).load()
    assert dataset.y_train.tolist() == [0, 1, 2] * 4
    assert IdxSet(tiny).status().files_ok == 4
    assert all(verdict.ok for verdict in IdxSet(tiny).verify())


def test_files_of_another_set_are_not_taken_for_this_one(user_folder, put_files, tiny, tiny_files):
    changed = {name: content[:-1] + bytes([content[-1] ^ 1]) for name, content in tiny_files.items()}
    put_files(user_folder / "raw", changed)
    assert IdxSet(tiny).status().files_ok == 0
    with pytest.raises(FileSystemError, match="cannot find or download"):
        IdxSet(tiny).load()
