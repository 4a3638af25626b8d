"""What is written of a sweep, as it stands in its files: settings and definition, read without the compiler."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from handgrad import strict_yaml
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.files import read_file, read_object
from handgrad.sweeps.database import sqlite_url

SWEEP_FILE, BASE_FILE, SUMMARY_FILE, STUDY_FILE = "sweep.yaml", "base.yaml", "sweep.json", "study.db"
OUTPUT = "output.txt"  # of a trial that is somebody's program, in its folder
REMEDY = "Put it back as it was; or begin the sweep again under another --name: its runs stay where they are"


@dataclass(frozen=True)
class Settings:
    """How a sweep is carried out: by which method, from which seed, with how many seeds for each configuration.

    `configurations` is how many there are to be in all, None for as many as there is time for. `storage` is where the
    study is kept, None for a file in the sweep's folder; `study` is its name there, which a renamed folder keeps.
    `digest` is that of all that the trials depend on; None in sweeps of versions that had none.
    """

    method: str
    seed: int = 0
    seeds: int = 1
    configurations: int | None = None
    storage: str | None = None
    study: str | None = None
    digest: str | None = None


class Stored(NamedTuple):
    """The settings in sweep.json, its summary, and the mapping in sweep.yaml."""

    settings: Settings
    summary: dict[str, Any]
    definition: dict[str, Any]


def read_sweep_files(path: Path) -> Stored:
    """What the files of the sweep in the folder `path` say.

    Raises  FileSystemError when there is no such folder; UsageError when it holds no sweep; CorruptDataError when its
            files were damaged, or changed since it began.
    """
    if not path.is_dir():
        raise FileSystemError(f"no sweep in {path}: no such folder")
    if not os.path.lexists(path / SUMMARY_FILE):
        raise UsageError(f"{path} is no sweep: it has no {SUMMARY_FILE}")
    summary = read_stored(path / SUMMARY_FILE, REMEDY)
    try:
        (_, method), *others = summary["settings"].items()  # earlier versions have another key for the method
        stored = Settings(method, **dict(others))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(f"{path / SUMMARY_FILE} is damaged: {error!r}. {REMEDY}") from error
    if stored.digest not in (None, digest_of(path, stored)):
        names = f"{SWEEP_FILE}, {BASE_FILE} or the settings in {SUMMARY_FILE}"
        raise CorruptDataError(f"{path}: {names} differ from those that the sweep was started with. {REMEDY}")
    try:
        return Stored(stored, summary, strict_yaml.load_mapping(path / SWEEP_FILE))
    except HandgradError as error:
        raise CorruptDataError(f"{path} is damaged: {error}. {REMEDY}") from error


def study_of(path: Path, settings: Settings) -> tuple[str, str]:
    """Where the trials of the sweep in `path` are kept, and what the study is called there: as its folder was once."""
    url = settings.storage or sqlite_url(path / STUDY_FILE)
    return url, settings.study or Path(os.path.abspath(path)).name


def read_stored(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file; `remedy` is what to do where there is none.

    Raises  FileSystemError, CorruptDataError.
    """
    try:
        return read_object(path)
    except CorruptDataError as error:
        raise CorruptDataError(f"{path} is damaged: {error}. {remedy}") from error


def digest_of(path: Path, settings: Settings) -> str:
    """Of all that the trials of a sweep depend on.

    Raises  FileSystemError, CorruptDataError for files that cannot be read.
    """
    digest = hashlib.sha256(json.dumps([settings.method, settings.seed, settings.study]).encode())
    for name in (SWEEP_FILE, BASE_FILE):
        digest.update(read_file(path / name))
    return digest.hexdigest()
