"""Arrays of an .npz file, or of an .npy file, under the limits that keep a hostile file from filling the memory."""

import io
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data.places import MAX_EXPANSION, SMALL_BYTES
from handgrad.errors import CorruptDataError, HandgradError, collecting, raise_together
from handgrad.files import open_file

MAX_BYTES = 4 << 30
REMEDY = "Save it again"
UNPICKLE = (
    "holds Python objects, which are never opened here, as opening them runs what they say. Where you trust the file: "
    "a = np.load(FILE, allow_pickle=True)[KEY]; np.savez(NEW, **{KEY: np.array(a.tolist())})"
)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an .npz file by its name.

    Raises  FileSystemError when there is no regular file; CorruptDataError naming file and array for anything wrong.
    """
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            size = sum(info.file_size for info in names.values())
            packed = sum(info.compress_size for info in names.values())
            if size > SMALL_BYTES and size > MAX_EXPANSION * packed:
                what = f"{packed:,} bytes that unpack to {size:,} hold no images"
                raise CorruptDataError(f"{path}: {what}. Save it again without what is empty in it")
            if size > MAX_BYTES:
                raise CorruptDataError(f"{path}: arrays take {size} bytes, expected at most {MAX_BYTES}. Save fewer")
            arrays, faults = {}, list[HandgradError]()
            for key, info in names.items():
                with collecting(faults), archive.open(info) as member:
                    arrays[key] = _read_array(member, info.file_size, f"{path}: {key}")
            raise_together(faults)
            return arrays
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise CorruptDataError(f"{path}: not a whole .npz file ({error}). {REMEDY}") from error


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file.

    Raises  FileSystemError when there is no regular file; CorruptDataError for anything wrong.
    """
    with open_file(path) as file:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CorruptDataError(f"{path}: takes {size} bytes, expected at most {MAX_BYTES}. Save fewer")
        return _read_array(file, size, str(path))


def _read_array(file: IO[bytes], size: int, field: str) -> NDArray[Any]:
    try:
        # Told how much to read, zipfile inflates no more, whatever the member holds, and then compares the CRC.
        stream = io.BytesIO(file.read(size))
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, tokenize.TokenError, zlib.error) as error:
        words = " ".join(str(error).split())
        why = UNPICKLE if words.startswith("Object arrays") else f"cannot be read: {words}. {REMEDY}"
        raise CorruptDataError(f"{field}: {why}") from error
    if stream.read(1):
        raise CorruptDataError(f"{field}: bytes after the end of the array, expected none. {REMEDY}")
    return array
