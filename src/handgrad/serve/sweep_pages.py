"""The addresses of the Sweeps page."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handgrad.errors import HandgradError, UsageError
from handgrad.files import open_file
from handgrad.run_folder import RunFolder
from handgrad.serve.curves import plain_number
from handgrad.serve.limits import event, framed
from handgrad.serve.processes import Jobs, Worker, interrupt
from handgrad.serve.run_index import RUNNING
from handgrad.serve.sweep_index import SweepEntry, SweepIndex
from handgrad.sweeps.settings import OUTPUT

TAIL_BYTES, TAIL_LINES = 8000, 40
ANALYSIS_SECONDS, MOST_ANALYSES = 1800.0, 20
MOST_TRIALS, MOST_JOBS, MOST_HOURS = 100_000, 256, 1000


class SweepPages:
    """What the addresses share: the table of sweeps, and whoever does what takes long."""

    def __init__(self, sweeps_dir: Path, jobs: Jobs) -> None:
        self.index, self.jobs = SweepIndex(sweeps_dir), jobs
        self.worker = Worker(ANALYSIS_SECONDS)  # of its own: nobody who draws waits for thousands of trials
        self._one, self._analyses = asyncio.Lock(), OrderedDict[str, tuple[int, dict[str, Any]]]()
        self.get = {
            "/api/trial/{name}/{number}": self.trial,
            "/sweep/{name}/report": self.report,
        }
        self.post = {
            "/api/sweep/analyse": self.analyse,
            "/api/sweep/pause": self.pause,
            "/api/sweep/resume": self.resume,
            "/api/sweep/report": self.write_report,
        }

    def sweep(self, name: object) -> SweepEntry:
        """The sweep of this identifier.  Raises  UsageError when there is none, or it is damaged."""
        found = self.index.find(name)
        if found is None:
            raise UsageError("there is no such sweep any more")
        if found.stored is None:
            raise UsageError(found.row.get("damage", "nobody has looked at this sweep yet"))
        return found

    # Reading --------------------------------------------------------------------------------------------------

    def news(self, selected: str) -> Callable[[], Iterator[str]]:
        """What is new for a page that shows the sweeps, and the trials of one of them."""
        known, seen = -1, (-1, "")

        def look() -> Iterator[str]:
            nonlocal known, seen
            self.index.refresh(selected)
            if self.index.version != known:
                table = self.index.table(known)
                known = table["version"]
                yield event("sweeps", {**table, "folder": str(self.index.folder)})
            trials = self.index.trials(selected)
            if trials and (trials.version, trials.damage) != seen:
                found = trials.newer(seen[0])
                seen = found["version"], found["damage"]
                yield event("trials", {"sweep": selected, **found})

        return look

    async def report(self, request: Request) -> Response:
        """The report in a sweep's folder."""
        return await framed(self.sweep(request.path_params["name"]).path / "report.html")

    async def trial(self, request: Request) -> Response:
        """All that is known of a trial: its metric by epoch, why it ended, what its program printed."""
        return JSONResponse(await run_in_threadpool(self._trial, **request.path_params))

    def _trial(self, name: str, number: str) -> dict[str, Any]:
        entry, trials = self.sweep(name), self.index.trials(name)
        if trials is None or not (number.isascii() and number.isdecimal() and int(number) in trials.rows):
            raise UsageError("there is no such trial any more")
        record, folder = trials.record(int(number)), trials.folder(trials.rows[int(number)][1])
        own = entry.row["program"] is None
        return {
            **trials.rows[int(number)][1],
            "sweep": entry.row["name"],
            "metric": entry.row["metric"]["name"],
            "stop": record["stop"],
            "epochs": sorted((int(epoch), plain_number(value)) for epoch, value in record["epochs"].items()),
            "path": str(folder.path) if folder else None,
            "own": own,
            "command": _command(folder) if own and folder else None,
            "output": _tail(folder.path / OUTPUT) if folder and not own else [],
        }

    # Doing ----------------------------------------------------------------------------------------------------

    async def analyse(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What `handgrad sweep report` finds, as it was estimated last; from the trials by now if it is to be `new`."""
        entry = self.sweep(fields.get("sweep"))
        async with self._one:
            trials = await run_in_threadpool(self.index.trials, entry.id)
            version = trials.version if trials else -1
            known, result = self._analyses.pop(entry.id, (-1, {}))
            if not result or (fields.get("new") and known != version):
                running = entry.row["state"] == RUNNING
                known, result = version, await self.worker.do("analyse", path=str(entry.path), driven=running)
            self._analyses[entry.id] = known, result
            while len(self._analyses) > MOST_ANALYSES:
                self._analyses.popitem(last=False)
        return result

    async def pause(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Stop a sweep as Ctrl-C does: its trials save their checkpoints."""
        entry = self.sweep(fields.get("sweep"))
        if entry.lock is None:
            raise UsageError(f"several processes may drive {entry.path}: press Ctrl-C where each was started")
        return {"command": f"kill -INT {interrupt(entry.lock, f'drives {entry.path}')}"}

    async def resume(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Go on with a sweep."""
        entry = self.sweep(fields.get("sweep"))
        if entry.row["function"]:
            raise UsageError(f"its program runs this sweep by itself. Go on with: {entry.row['resume']}")
        return self.jobs.start(["sweep", "resume", str(entry.path), *resume_flags(fields)]).to_mapping()

    async def write_report(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Write the report of a sweep."""
        return self.jobs.start(["sweep", "report", str(self.sweep(fields.get("sweep")).path)]).to_mapping()


def resume_flags(fields: dict[str, Any]) -> list[str]:
    """The flags of `handgrad sweep resume` that are filled in.  Raises  UsageError for what is no number of them."""
    found: list[str] = []
    for name, most in {"trials": MOST_TRIALS, "jobs": MOST_JOBS, "hours": MOST_HOURS}.items():
        text = str(fields.get(name) or "").strip()
        if not text:
            continue
        digits = text.replace(".", "", 1) if name == "hours" else text
        if not (digits.isascii() and digits.isdecimal() and 0 < float(text) <= most):
            what = "a number" if name == "hours" else "a whole number"
            raise UsageError(f"{name} must be {what} above 0, at most {most:,}, got {text[:40]!r}")
        found += [f"--{name}", text]
    return found


def _command(folder: RunFolder) -> str | None:
    try:
        return str(folder.facts["command"])
    except (HandgradError, KeyError):
        return None


def _tail(path: Path) -> list[str]:
    """The last lines of a file."""
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            return list(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
    except (HandgradError, OSError):
        return []
