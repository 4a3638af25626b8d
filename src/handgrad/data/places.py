"""Where data sets may lie on this machine, and in what order they are looked for."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import platformdirs

from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_write, open_file
from handgrad.files import read_file as read_any

DATA_VARIABLE = "HANDGRAD_DATA_DIR"
CACHE_VARIABLE = "HANDGRAD_CACHE_DIR"
# What unpacks to more than SMALL_BYTES and to more than so many times its size is made to fill the memory.
SMALL_BYTES, MAX_EXPANSION = 1 << 25, 200
# What Windows, macOS and disk stations leave behind in folders; hidden files are passed over too.
LITTER = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r", "@eadir", "$recycle.bin", "lost+found"),
    *("system volume information", "__pycache__"),
}
MOST_DEPTH, MOST_FILES = 4, 20_000  # where a data set is looked for by its content
# Debian's dataset-fashion-mnist installs here.
SYSTEM_FOLDER = Path("/usr/share/datasets")


class Place(NamedTuple):
    """A folder that may hold a data set; what lies in one that the user named is never skipped."""

    folder: Path
    named_by_user: bool


def cache_root() -> Path:
    """The folder for downloads and decoded arrays: $HANDGRAD_CACHE_DIR, or the user's cache folder."""
    return Path(os.path.expanduser(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("handgrad")))


def download_folder(name: str) -> Path:
    """Where a downloaded data set is kept."""
    return cache_root() / "data" / name


def places(name: str) -> list[Place]:
    """The folders where the data set `name` is looked for, first to last.

    Raises  FileSystemError when HANDGRAD_DATA_DIR is set to something that is no folder.
    """
    names = dict.fromkeys((name, name.replace("_", "-")))
    found = [Place(download_folder(name), False), *(Place(SYSTEM_FOLDER / each, False) for each in names)]
    root = user_root()
    return found if root is None else [Place(root / each, True) for each in names] + found


def user_root() -> Path | None:
    """The folder that HANDGRAD_DATA_DIR names, None where it is not set.

    Raises  FileSystemError when it is set to something that is no folder.
    """
    user = os.environ.get(DATA_VARIABLE)
    if not user:
        return None
    root = Path(os.path.expanduser(user))
    if not root.is_dir():
        raise FileSystemError(f"{DATA_VARIABLE} is {user!r}, expected a folder. Correct the variable or unset it")
    return root


def files_below(root: Path, names: Collection[str] | None = None) -> Iterator[Path]:
    """Files in a folder and its sub-folders, MOST_DEPTH deep, hidden ones left out; of the first MOST_FILES.

    Where `names` are given, those that are called so.
    """
    found = 0
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if depth < MOST_DEPTH else []
        for name in sorted(each for each in files if not each.startswith(".")):
            if names is None or name in names:
                yield Path(folder, name)
            found += 1
            if found == MOST_FILES:
                return


def visible(folder: Path) -> list[Path]:
    """What lies in a folder by name, without hidden files and LITTER.  Raises  FileSystemError where it is closed."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise FileSystemError(f"cannot read {folder}: {error.strerror}. Check its permissions") from error
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in LITTER]


def find_file(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`, plain or with .gz, if there is one."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if os.path.lexists(path)), None)


def keep(folder: Path, name: str, content: bytes | str) -> Path:
    """Write a file into a folder that is made where it is missing.  Raises  FileSystemError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileSystemError(f"cannot make {folder}: {error.strerror}. Check its permissions") from error
    atomic_write(folder / name, content)
    return folder / name


def require_file(path: Path) -> int:
    """The size of a regular file in bytes.  Raises  FileSystemError as `open_file`."""
    with open_file(path) as file:
        return os.fstat(file.fileno()).st_size


def read_file(path: Path, max_bytes: int) -> bytes:
    """All bytes of a regular file.

    Raises  FileSystemError as `open_file`; CorruptDataError when there are none, or more than `max_bytes`.
    """
    content = read_any(path, max_bytes)
    if not content:
        raise CorruptDataError(f"{path}: file has 0 bytes, expected 1 to {max_bytes}. Replace or remove it")
    return content
