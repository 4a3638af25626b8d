"""What was written beside the runs: the results of a class, hand-ins, and the reports of experiments."""

import json
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handgrad import strict_yaml
from handgrad.errors import HandgradError, UsageError
from handgrad.files import TEMPORARY_PREFIX, read_file
from handgrad.run_folder import DAMAGED
from handgrad.serve.limits import framed
from handgrad.serve.processes import Jobs
from handgrad.serve.run_index import FolderIndex, Holders, identifier, stamp
from handgrad.verify.outcome import RIGHT, outcome_of
from handgrad.verify.report import class_rows

LARGEST_RESULT = 1 << 24
HAND_IN, REPORT = "hand-in", "report.html"
# Reports below the folder that the runs are in, and what writes them.
REPORTS = {
    HAND_IN: (f"*/{HAND_IN}.yaml", "handgrad report {folder}"),
    "reproduction": (f"reproductions/*/{REPORT}", "handgrad reproduce {name}"),
    "experiment": (f"labs/*/{REPORT}", "handgrad lab {name}"),
    "ablation": (f"ablations/*/{REPORT}", "handgrad ablate {name} CHANGE …"),
    "comparison": ("comparison.html", "handgrad report RUN RUN …"),
}


class Result:
    """What was found about one student: the file that `handgrad verify --class` writes, and its row."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, identifier(path)
        self.page = path.with_suffix(".html")
        self.signature: Any = ()
        self.row: dict[str, Any] | None = None  # none for a file that is something else
        self.version = 0


class ClassIndex(FolderIndex):
    """The results of a class, by student."""

    entries: dict[str, Result]
    entry_type = Result

    def _paths(self) -> Iterable[Path]:
        paths = []
        with suppress(OSError), os.scandir(self.folder) as found:
            for each in found:
                hidden = each.name.startswith(TEMPORARY_PREFIX)
                if each.name.endswith(".json") and not hidden and each.is_file(follow_symlinks=False):
                    paths.append(self.folder / each.name)
        return sorted(paths)

    def _look(self, entry: Result, holders: Holders) -> None:
        signature = stamp(entry.path), stamp(entry.page)
        if signature == entry.signature:
            return
        entry.signature = signature
        self.version += 1
        entry.version = self.version
        about = {"id": entry.id, "page": signature[1] is not None}
        try:
            content = json.loads(read_file(entry.path, LARGEST_RESULT))
            if not (isinstance(content, dict) and "checks" in content):
                entry.row = None
                return
            outcome = outcome_of(content)
            said = [outcome.first.words] if outcome.first else [] if outcome.verdict == RIGHT else outcome.remarks
            words = next(iter(said), "")
            entry.row = {**class_rows([outcome])[0], **about, "words": words}
        except (HandgradError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            entry.row = {"student": entry.path.stem, "verdict": DAMAGED, "words": f"{entry.path}: {error}", **about}

    def table(self, since: int) -> dict[str, Any]:
        """The rows that changed after version `since`, and which files are no results."""
        with self._mutex:
            entries = list(self.entries.values())
            return {
                "folder": str(self.folder),
                "version": self.version,
                "ids": [entry.id for entry in entries if entry.row],
                "rows": [entry.row for entry in entries if entry.row and entry.version > since],
                "others": [entry.path.name for entry in entries if entry.row is None],
            }


class DocumentPages:
    """The addresses of the Class and the Reports pages."""

    def __init__(self, home: Path, checks_dir: Path, jobs: Jobs) -> None:
        self.home, self.students, self.jobs = home, ClassIndex(checks_dir), jobs
        self.get = {
            "/api/class": self.results,
            "/class/{name}/page": self.page,
            "/api/reports": self.reports,
            "/report/{name}": self.report,
        }
        self.post = {"/api/hand-in/report": self.write, "/api/hand-in/check": self.check}

    async def results(self, request: Request) -> Response:
        """The table of a class, or what of it is newer than `since`."""
        since = request.query_params.get("since", "")

        def read() -> dict[str, Any]:
            self.students.refresh()
            return self.students.table(int(since) if since.isascii() and since.isdecimal() and len(since) < 10 else -1)

        return JSONResponse(await run_in_threadpool(read))

    async def page(self, request: Request) -> Response:
        """The page of a student, in a frame in which nothing runs."""
        found = self.students.find(request.path_params["name"])
        if found is None:
            raise UsageError("there is no result of this student any more")
        return await framed(found.page)

    async def reports(self, request: Request) -> Response:
        """The hand-ins and reports that there are, and where they were looked for."""
        rows = await run_in_threadpool(lambda: [self._row(*each) for each in self._found()])
        return JSONResponse(
            {"folder": os.path.abspath(self.home), "places": [place for place, _ in REPORTS.values()], "rows": rows}
        )

    async def report(self, request: Request) -> Response:
        """One of them, as it was written."""
        _, path = await run_in_threadpool(self._find, request.path_params["name"])
        return await framed(path)

    async def write(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Write the report of a hand-in."""
        return self.jobs.start(["report", await self._hand_in(fields)]).to_mapping()

    async def check(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Check the numbers and claims of a hand-in."""
        return self.jobs.start(["check", await self._hand_in(fields)]).to_mapping()

    async def _hand_in(self, fields: dict[str, Any]) -> str:
        what, path = await run_in_threadpool(self._find, fields.get("report"))
        if what != HAND_IN:
            raise UsageError("only a hand-in is written and checked from here")
        return str(path.parent)

    def _found(self) -> Iterator[tuple[str, Path]]:
        """What each is, and its report, which a hand-in may not have yet."""
        for what, (place, _) in REPORTS.items():
            with suppress(OSError):
                for path in sorted(self.home.glob(place)):
                    yield what, path.with_name(REPORT) if what == HAND_IN else path

    def _find(self, name: object) -> tuple[str, Path]:
        for what, path in self._found():
            if identifier(path) == name:
                return what, path
        raise UsageError("there is no such report any more")

    def _row(self, what: str, path: Path) -> dict[str, Any]:
        folder, written, title, damage = path.parent, stamp(path), "", ""
        if what == HAND_IN:
            try:
                title = str(strict_yaml.load_mapping(folder / f"{HAND_IN}.yaml").get("title", ""))
            except HandgradError as error:
                damage = str(error)
        name = path.stem if what == "comparison" else folder.name
        command = REPORTS[what][1].format(folder=shlex.quote(str(folder)), name=shlex.quote(name))
        return {
            "id": identifier(path),
            "type": what,
            "name": name,
            "title": title,
            "path": str(path),
            "written": written[0] // 10**9 if written else None,
            "command": command,
            "damage": damage,
        }
