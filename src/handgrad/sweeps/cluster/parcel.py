"""A run's folder as bytes, for machines that share no file system."""

import json
import os
import shutil
from pathlib import Path, PurePosixPath

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError
from handgrad.files import TEMPORARY_PREFIX, atomic_write
from handgrad.json_files import json_text

Parcel = dict[str, bytes]
"""The content of each file, by its path in the folder."""


def folder_of(config: RunConfig) -> Path:
    """Where a run of this configuration lies."""
    return Path(os.path.expanduser(config.runs_dir)) / str(config.name)


def packed(config: RunConfig) -> Parcel:
    """Every file of a run; none where there is no run to go on with."""
    folder = folder_of(config)
    if not (folder / "config.yaml").is_file():
        return {}
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in paths if path.name != ".lock" and not path.name.startswith(TEMPORARY_PREFIX)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def unpack(parcel: Parcel, config: RunConfig) -> None:
    """Make the run's folder hold these files and no others, as if `config` had been trained here.

    metrics.json, by which a run is known to be over, comes last.

    Raises  CorruptDataError for a path that leads out of the folder; FileSystemError.
    """
    folder = folder_of(config)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "checkpoints").mkdir(parents=True)
    for name, content in sorted(_readdressed(parcel, config).items(), key=lambda item: item[0] == "metrics.json"):
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise CorruptDataError(f"a node sent a file for {name!r}, outside of the run {folder}")
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / inside, content)


def _readdressed(parcel: Parcel, config: RunConfig) -> Parcel:
    """Three of the files tell where the run lies."""
    changed = {**parcel, "config.yaml": config.to_yaml().encode()}
    for name, key, value in (
        ("metrics.json", "config", config.to_mapping()),
        ("run.json", "command", config.command()),
    ):
        if name in parcel:
            changed[name] = json_text({**json.loads(parcel[name]), key: value}).encode()
    return changed
