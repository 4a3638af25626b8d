"""One sweeper runs all configurations, alone in this process and its children, and prints what it measured as JSON.

`python -m handgrad.bench.sweeper NAME FOLDER`: the job is FOLDER/job.json.
"""

import importlib
import json
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handgrad.bench.sweepers import INSTALL, SWEEPERS, Job

JOB = "job.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, and print the line; a package that is missing is a reason in it, not an error."""
    name, folder = arguments or sys.argv[1:]
    print(json.dumps(swept(name, Path(folder))))
    return 0


def swept(name: str, folder: Path) -> dict[str, Any]:
    """Every trial's accuracies and times, and when the last of what belongs to the sweep was done."""
    entry = SWEEPERS[name]
    if any(find_spec(package) is None for package in entry.packages):
        return {"skipped": f"not installed: python -m pip install {INSTALL[name]}"}
    sweeper = importlib.import_module(entry.module)
    job = Job(**json.loads((folder / JOB).read_text()))
    trials = sweeper.sweep(Job(**{**vars(job), "folder": folder, "images": Path(job.images)}))
    return {"done": time.time(), "trials": [trial._asdict() for trial in trials]}


if __name__ == "__main__":
    sys.exit(main())
