"""The addresses that the page uses. What a request names is looked up; no path is made of it."""

import os
import shlex
import threading
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from handgrad.errors import HandgradError, UsageError
from handgrad.files import LOCK, read_file
from handgrad.run_folder import RunFolder
from handgrad.serve.curves import CurveStore
from handgrad.serve.documents import DocumentPages
from handgrad.serve.limits import Guard, LimitedProtocol, Streams, event, framed, read_fields
from handgrad.serve.processes import Jobs, Worker, interrupt
from handgrad.serve.run_index import RunIndex
from handgrad.serve.sweep_index import usual_sweeps_dir
from handgrad.serve.sweep_pages import SweepPages

MOST_CURVES, MOST_COMPARED, MOST_NETWORKS, LOG_LINES = 24, 24, 6, 40
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
Action = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Laboratory:
    """What the addresses share: the table of runs, their curves, the commands that were started, the worker."""

    def __init__(self, runs_dir: Path, sweeps_dir: Path | None = None, checks_dir: Path | None = None) -> None:
        self.runs_dir = runs_dir
        self.index, self.curves = RunIndex(runs_dir), CurveStore()
        self.jobs, self.worker, self.streams = Jobs(), Worker(), Streams()
        self.sweeps = SweepPages(sweeps_dir or usual_sweeps_dir(runs_dir), self.jobs)
        home = Path(os.path.normpath(usual_sweeps_dir(runs_dir) / os.pardir))
        self.documents = DocumentPages(home, checks_dir or home / "checks", self.jobs)
        folder = files("handgrad.serve") / "static"
        self.static = {each.name: each.read_bytes() for each in folder.iterdir() if Path(each.name).suffix in TYPES}

    def find(self, name: object) -> RunFolder | None:
        """The run of this identifier, or that of a trial."""
        return self.index.find(name) or self.sweeps.index.find_run(name)

    def run(self, name: object) -> RunFolder:
        """As `find`.  Raises  UsageError when there is none."""
        found = self.find(name)
        if found is None:
            raise UsageError("there is no such run any more")
        return found

    def runs(self, names: object, most: int) -> list[RunFolder]:
        """The runs of these identifiers.  Raises  UsageError as `run`, and for no list, or too long a one."""
        if not isinstance(names, list) or not 0 < len(names) <= most:
            raise UsageError(f"runs must be a list of 1 to {most}")
        return [self.run(name) for name in names]

    # Pages and files ------------------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """The one page, with the token that it sends along with whatever changes something."""
        token = request.state.guard.post_token
        response = Response(self.static["index.html"].replace(b"{{token}}", token.encode()), media_type="text/html")
        guard = request.state.guard
        response.set_cookie(guard.cookie, guard.token, httponly=True, samesite="strict", path="/")
        return response

    async def file(self, request: Request) -> Response:
        """A script or a style of the page."""
        name = request.path_params["name"]
        if name not in self.static:
            return PlainTextResponse("no such file\n", 404)
        return Response(self.static[name], media_type=TYPES[Path(name).suffix])

    async def report(self, request: Request) -> Response:
        """The report in a run's folder, as it was written, in a frame in which nothing runs."""
        return await framed(self.run(request.path_params["name"]).path / "report.html")

    # Reading --------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """A stream: the table as it changes, curves of the runs in `curves`; with `sweep`, sweeps and its trials."""
        wanted = [name for name in request.query_params.get("curves", "").split(",") if self.find(name)]
        seen = dict.fromkeys(wanted[:MOST_CURVES], -1)
        selected = request.query_params.get("sweep")
        known, sweeps = -1, self.sweeps.news(selected) if selected is not None else list

        def look() -> Iterator[str]:
            nonlocal known
            self.index.refresh()
            if self.index.version != known:
                table = self.index.table(known)
                known = table["version"]
                yield event("runs", table)
            for name in seen:
                run = self.find(name)
                if run is None:
                    continue
                seen[name], curves = self.curves.newer(run, seen[name])
                if curves is not None:
                    yield event("curves", {"id": name, **curves})
            yield from sweeps()

        return self.streams.reply(look)

    async def details(self, request: Request) -> Response:
        """What a run's page says beside its curves."""
        run = self.run(request.path_params["name"])
        return JSONResponse(await run_in_threadpool(describe, run))

    async def commands(self, request: Request) -> Response:
        """The commands that were started from the page."""
        return JSONResponse({"jobs": [job.to_mapping() for job in self.jobs.all]})

    async def form(self, request: Request) -> Response:
        """The settings that a training can be started with, from their table."""
        return JSONResponse(await self.worker.do("form"))

    async def digits(self, request: Request) -> Response:
        """The images that the Play page trains on."""
        return JSONResponse(await self.worker.do("digits"))

    async def play(self, request: Request) -> Response:
        """The Play page as one file."""
        content = (await self.worker.do("play"))["page"]
        return Response(content, media_type="text/html", headers={"content-disposition": "attachment"})

    # Doing ----------------------------------------------------------------------------------------------------

    async def compare(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What `handgrad compare` finds."""
        runs = self.runs(fields.get("runs"), MOST_COMPARED)
        found = await self.worker.do("compare", runs=[str(run.path) for run in runs])
        return found | {"command": shlex.join(["handgrad", "compare", *(str(run.path) for run in runs)])}

    async def classify(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What several networks take a drawing for."""
        runs = self.runs(fields.get("runs"), MOST_NETWORKS)
        drawing = {"pixels": fields.get("pixels"), "inside": fields.get("inside") is True}
        return await self.worker.do("classify", runs=[str(run.path) for run in runs], **drawing)

    async def plan(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The command that the settings of the form stand for."""
        return await self.worker.do("plan", settings=fields.get("settings"), runs_dir=str(self.runs_dir))

    async def train(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Start it."""
        return self.jobs.start((await self.plan(fields))["words"]).to_mapping()

    async def stop(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Stop a training as Ctrl-C does."""
        run = self.run(fields.get("run"))
        return {"command": f"kill -INT {interrupt(run.path / LOCK, f'trains {run.name}')}"}

    async def resume(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Go on with a training."""
        return self.jobs.start(["resume", str(self.run(fields.get("run")).path)]).to_mapping()

    async def write_report(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Write the report of a run."""
        return self.jobs.start(["report", str(self.run(fields.get("run")).path)]).to_mapping()


def describe(run: RunFolder) -> dict[str, Any]:
    """The command that made a run, its settings, environment and result, and the end of its log."""
    found: dict[str, Any] = {"name": run.name, "path": str(run.path), "damage": []}
    for part in ("facts", "metrics"):
        try:
            found[part] = getattr(run, part)
        except HandgradError as error:
            found[part] = {}
            found["damage"].append(str(error))
    found["metrics"].pop("epochs", None)
    try:
        found["log"] = read_file(run.log_file).decode(errors="replace").splitlines()[-LOG_LINES:]
    except HandgradError:
        found["log"] = []
    found["report"] = os.path.lexists(run.path / "report.html")
    return found


def answering(action: Action) -> Callable[[Request], Awaitable[Response]]:
    """An address that takes an object and answers with one."""

    async def endpoint(request: Request) -> Response:
        return JSONResponse(await action(await read_fields(request)))

    return endpoint


async def failed(request: Request, error: Exception) -> Response:
    """An error in one line, as the command would print it."""
    return JSONResponse({"error": str(error)}, 400)


def build(laboratory: Laboratory) -> Starlette:
    """All addresses."""
    get = {
        "/": laboratory.page,
        "/static/{name}": laboratory.file,
        "/run/{name}/report": laboratory.report,
        "/api/events": laboratory.events,
        "/api/run/{name}": laboratory.details,
        "/api/commands": laboratory.commands,
        "/api/form": laboratory.form,
        "/api/digits": laboratory.digits,
        "/play.html": laboratory.play,
    }
    post = {
        "/api/compare": laboratory.compare,
        "/api/classify": laboratory.classify,
        "/api/plan": laboratory.plan,
        "/api/train": laboratory.train,
        "/api/stop": laboratory.stop,
        "/api/resume": laboratory.resume,
        "/api/report": laboratory.write_report,
    }
    for pages in (laboratory.sweeps, laboratory.documents):
        get, post = get | pages.get, post | pages.post
    routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in get.items()]
    routes += [Route(path, answering(action), methods=["POST"]) for path, action in post.items()]
    application = Starlette(routes=routes, exception_handlers={HandgradError: failed})
    application.router.redirect_slashes = False  # an address is served as it stands, or not at all
    return application


def serve(laboratory: Laboratory, sockets: list[Any], hosts: frozenset[str], token: str) -> None:
    """Serve until Ctrl-C."""
    application = Guard(build(laboratory), hosts, sockets[0].getsockname()[1], token)
    config = uvicorn.Config(
        application,
        http=LimitedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    threading.Thread(target=laboratory.index.refresh, daemon=True).start()  # while the browser opens
    server = uvicorn.Server(config)
    laboratory.streams.ending = lambda: bool(server.should_exit)  # streams end by themselves
    try:
        server.run(sockets=sockets)
    finally:
        laboratory.worker.stop()
        laboratory.sweeps.worker.stop()
