"""A folder of hand-ins: each is checked once, two at a time; what was checked before is read from its file."""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.files import atomic_write, read_json
from handgrad.verify.outcome import WRONG, Check, Outcome, outcome_of
from handgrad.verify.verify import Starter, verify

AT_A_TIME = 2
HASHED_BYTES = 1 << 20


def students(folder: Path) -> list[Path]:
    """The hand-ins of a class: its sub-folders."""
    found = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] not in "._")
    if not found:
        raise UsageError(f"{folder} has no sub-folders, one a student (--class)")
    return found


def fingerprint(folder: Path) -> str:
    """Changes when a file of the folder does, or the version of handgrad."""
    found = hashlib.sha256(version("handgrad").encode())
    for top, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(top) / name
            status = path.lstat()
            found.update(f"{path.relative_to(folder)} {status.st_size}".encode())
            if path.suffix in (".py", ".ipynb") and path.is_file() and status.st_size < HASHED_BYTES:
                found.update(path.read_bytes())
    return found.hexdigest()


def check_class(folder: Path, results: Path, start: Starter, report: Callable[[Outcome, bool], None]) -> list[Outcome]:
    """Every student's outcome, by name; `report` gets each as it is there, and whether it was read from its file."""
    results.mkdir(parents=True, exist_ok=True)

    def one(path: Path) -> Outcome:
        target, mark = results / f"{path.name}.json", fingerprint(path)
        known = _known(target, mark)
        outcome = known or _checked(path, start)
        if not known:
            atomic_write(target, json.dumps({**outcome.mapping(), "fingerprint": mark}, indent=1) + "\n")
        report(outcome, known is not None)
        return outcome

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(one, students(folder)))


def _checked(path: Path, start: Starter) -> Outcome:
    """One student never stops the others."""
    try:
        return verify(path, start)
    except Exception as error:
        return Outcome(
            path.name, checks=[Check("check", WRONG, f"the check itself failed: {error}", mistake="check failed")]
        )


def _known(path: Path, mark: str) -> Outcome | None:
    if not path.exists():
        return None
    try:
        content = read_json(path)
        return outcome_of(content) if content.get("fingerprint") == mark else None
    except (CorruptDataError, FileSystemError, TypeError, KeyError):
        return None
