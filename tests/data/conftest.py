"""What the tests of the data room share: an empty cache, small IDX files as bytes, and the real files if any."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from handgrad.data.idx_sets import IDX_FILES, IdxSource

REAL_FOLDER = os.environ.get("HANDGRAD_DATA_DIR")


def idx_bytes(array):
    """The oracle: an IDX file written out from its definition."""
    content = bytes([0, 0, 8, array.ndim])
    for size in array.shape:
        content += struct.pack(">I", size)
    return content + array.tobytes()


def file_of(path, content):
    """Write `content` to `path` and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own, no folder of the user's, and no system folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(folder))
    monkeypatch.delenv("HANDGRAD_DATA_DIR", raising=False)
    monkeypatch.setattr("handgrad.data.places.SYSTEM_FOLDER", tmp_path / "system")
    return folder


@pytest.fixture
def real_folder(monkeypatch):
    """The folder with the real MNIST and Fashion-MNIST."""
    if not REAL_FOLDER:
        pytest.skip("HANDGRAD_DATA_DIR is not set: no real data on this machine")
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(Path(REAL_FOLDER).resolve()))
    return Path(REAL_FOLDER).resolve()


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """A folder that the user named in HANDGRAD_DATA_DIR."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def tiny_files():
    """The four files of a small data set, uncompressed, by name."""
    generator = np.random.default_rng(0)
    arrays = [
        generator.integers(0, 256, (12, 4, 5), np.uint8),
        np.arange(12, dtype=np.uint8) % 3,
        generator.integers(0, 256, (6, 4, 5), np.uint8),
        np.arange(6, dtype=np.uint8) % 3,
    ]
    return {file: idx_bytes(array) for file, array in zip(IDX_FILES, arrays, strict=True)}


@pytest.fixture
def tiny(tiny_files):
    """The source that describes `tiny_files`; its only mirror is an address where nothing listens."""
    return IdxSource(
        name="tiny_set",
        title="noise",
        images=18,
        class_names=("a", "b", "c"),
        digests={file: hashlib.sha256(content).hexdigest() for file, content in tiny_files.items()},
        mirrors=("https://127.0.0.1:9/tiny/",),
    )


@pytest.fixture
def put_files():
    """Write the files of a data set into a folder, gzipped or not; returns the folder."""

    def put(folder, files, zipped=True):
        for name, content in files.items():
            file_of(folder / (f"{name}.gz" if zipped else name), gzip.compress(content) if zipped else content)
        return folder

    return put


@pytest.fixture(name="idx_bytes")
def _idx_bytes():
    return idx_bytes


@pytest.fixture(name="file_of")
def _file_of():
    return file_of
