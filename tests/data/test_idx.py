"""Reading IDX: what is right comes back the same, what is wrong is refused in one line that names the file."""

import contextlib
import gzip
import hashlib
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handgrad.data.idx import content_digest, decode_idx, read_idx
from handgrad.errors import CorruptDataError, FileSystemError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
# 0x803 = 3 dimensions of bytes; then 2, 3, 4; then the pixels.
RAW = struct.pack(">IIII", 0x803, 2, 3, 4) + IMAGES.tobytes()
RAW_LABELS = struct.pack(">II", 0x801, 3) + bytes([0, 9, 4])
WEB_PAGE = b"<!DOCTYPE html><html><body>403 Forbidden</body></html>"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(path, *fragments, kind="images", error=CorruptDataError, **options):
    with pytest.raises(error) as caught:
        read_idx(path, kind, **options)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in (path.name, *fragments):
        assert fragment in message, message


@pytest.mark.parametrize("content", [RAW, gzip.compress(RAW)], ids=["raw", "gzip"])
@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_reads_raw_and_gzip_under_any_name(tmp_path, file_of, content, name):
    np.testing.assert_array_equal(read_idx(file_of(tmp_path / name, content), "images"), IMAGES)


def test_reads_labels(tmp_path, file_of):
    assert read_idx(file_of(tmp_path / "labels", RAW_LABELS), "labels", classes=10).tolist() == [0, 9, 4]


def test_reads_two_gzip_members(tmp_path, file_of):
    path = file_of(tmp_path / "two.gz", gzip.compress(RAW[:20]) + gzip.compress(RAW[20:]))
    np.testing.assert_array_equal(read_idx(path, "images"), IMAGES)


@pytest.mark.parametrize("size", [0, 3, 4, 15])
def test_refuses_short_header(tmp_path, file_of, size):
    refused(file_of(tmp_path / "short", RAW[:size]), f"has {size} bytes")
    if size:
        refused(file_of(tmp_path / "short.gz", gzip.compress(RAW[:size])), f"header has {size} bytes")


@pytest.mark.parametrize(
    ("content", "kind", "fragment"),
    [
        (RAW_LABELS, "images", "this file holds labels"),
        (RAW, "labels", "this file holds images"),
        (RAW[3::-1] + RAW[4:], "images", "little-endian"),
        (struct.pack(">I", 0xD03) + RAW[4:], "images", "0x00000d03, expected 0x00000803"),
        (WEB_PAGE, "images", "web page"),
        (b"PK\x03\x04" + RAW, "images", "no IDX file"),
    ],
    ids=["labels-for-images", "images-for-labels", "little-endian", "floats", "web-page", "zip"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_refuses_wrong_magic(tmp_path, file_of, content, kind, fragment, pack):
    refused(file_of(tmp_path / "file.gz", pack(content)), "magic number", fragment, kind=kind)


@pytest.mark.parametrize("sizes", [(2**31, 28, 28), (2**32 - 1,) * 3, (0, 28, 28), (2, 0, 4)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_refuses_absurd_sizes_before_allocating(tmp_path, file_of, sizes, pack):
    content = struct.pack(">IIII", 0x803, *sizes) + IMAGES.tobytes()
    refused(file_of(tmp_path / "absurd", pack(content)), "header promises", str(sizes[0]))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_refuses_missing_and_trailing_bytes(tmp_path, file_of, pack):
    refused(file_of(tmp_path / "less", pack(RAW[:-12])), "images have 12 bytes, expected 24 (2 x 3 x 4)")
    refused(file_of(tmp_path / "more", pack(RAW + b"\0")), "go on after the 24 bytes")


def test_refuses_a_bomb_without_inflating_it(tmp_path, file_of):
    path = file_of(tmp_path / "bomb.gz", gzip.compress(RAW + bytes(50_000_000)))
    tracemalloc.start()
    refused(path, "go on after the 24 bytes")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_refuses_gzip_cut_anywhere(tmp_path, file_of):
    whole = gzip.compress(RAW)
    for size in range(2, len(whole)):
        refused(file_of(tmp_path / "cut.gz", whole[:size]), "breaks off")


def test_refuses_garbage_after_gzip(tmp_path, file_of):
    refused(file_of(tmp_path / "tail.gz", gzip.compress(RAW) + b"garbage"), "damaged")


@pytest.mark.parametrize("label", [10, 255])
def test_refuses_labels_out_of_range(tmp_path, file_of, label):
    content = struct.pack(">II", 0x801, 3) + bytes([0, label, 4])
    refused(file_of(tmp_path / "labels", content), f"label {label} in row 1", "0 to 9", kind="labels", classes=10)


def test_refuses_what_is_no_regular_file(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "folder", "a folder, expected a file", error=FileSystemError)
    refused(tmp_path / "pipe", "a pipe or device, expected a file", error=FileSystemError)
    refused(tmp_path / "absent", "No such file", error=FileSystemError)


def test_refuses_unreadable_file(tmp_path, file_of):
    path = file_of(tmp_path / "locked", RAW)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(path, "Permission denied", error=FileSystemError)


@QUICK
@given(arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3)), st.booleans())
def test_round_trip(idx_bytes, images, zipped):
    content = idx_bytes(images)
    np.testing.assert_array_equal(decode_idx(gzip.compress(content) if zipped else content, "x", "images"), images)
    assert content_digest(images) == hashlib.sha256(content).hexdigest()


@QUICK
@given(st.integers(0, 8 * len(gzip.compress(RAW)) - 1))
def test_a_flipped_bit_never_changes_the_images(bit):
    content = bytearray(gzip.compress(RAW, mtime=0))
    content[bit // 8] ^= 1 << bit % 8
    # Some bits of the gzip header (time, system) mean nothing; all others must be noticed.
    with contextlib.suppress(CorruptDataError):
        np.testing.assert_array_equal(decode_idx(bytes(content), "x", "images"), IMAGES)


@QUICK
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(content):
    for start in (b"", RAW[:4], b"\x1f\x8b\x08\x00"):
        with pytest.raises(CorruptDataError):
            decode_idx(start + content, "x", "labels", 10)
