"""`handgrad serve`: the laboratory in a browser; `handgrad play`: its Play page as one file."""

import errno
import logging
import os
import secrets
import socket
import webbrowser
from importlib import import_module
from threading import Timer
from typing import Any

from handgrad.cli.commands import Parser
from handgrad.errors import UsageError
from handgrad.files import atomic_write
from handgrad.plugins import how_to_install, is_installed
from handgrad.screen import echo

log = logging.getLogger("handgrad")
LOOPBACK, USUAL_PORT = "127.0.0.1", 8484
SHORTEST_TOKEN = 16


def run_serve(tokens: list[str]) -> int:
    """Serve the page on this machine alone until Ctrl-C, and print its address."""
    arguments = Parser("serve").arguments(tokens)
    if missing := [name for name in ("starlette", "uvicorn") if not is_installed(name)]:
        raise UsageError(f"serve needs {' and '.join(missing)}: {how_to_install('serve')}")
    host, token = arguments.host or LOOPBACK, arguments.token or secrets.token_urlsafe(24)
    _check(arguments)
    opened = _socket(host, USUAL_PORT if arguments.port is None else arguments.port, arguments.port is None)
    port = opened.getsockname()[1]
    address = f"http://{host}:{port}/?token={token}"
    echo(address)
    if arguments.host:
        log.warning("whoever can reach %s and knows the token can read these runs, and start and stop trainings", host)
    if not os.path.isdir(arguments.runs_dir):
        log.warning("there is no folder %s yet: the first training makes it", arguments.runs_dir)
    app = import_module("handgrad.serve.app")
    laboratory = app.Laboratory(arguments.runs_dir, arguments.sweeps_dir, arguments.checks_dir)
    echo(f"runs in {arguments.runs_dir}, sweeps in {laboratory.sweeps.index.folder}")
    echo("whoever has this address may train here. Ctrl-C ends it, trainings go on")
    if not arguments.no_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        opening = Timer(0.5, webbrowser.open, [address])
        opening.daemon = True
        opening.start()
    hosts = frozenset({host} | ({"localhost"} if host == LOOPBACK else set()))
    app.serve(laboratory, [opened], hosts, token)
    return 0


def run_play(tokens: list[str]) -> int:
    """Write the page as one file."""
    output = Parser("play").arguments(tokens).output
    content = import_module("handgrad.serve.play").page()
    output.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(output, content)
    echo(f"{output}: {len(content.encode()) / 1e6:.2f} MB. Open it in a browser; it needs no server and no network")
    return 0


def _check(arguments: Any) -> None:
    """Raises  UsageError for a port that there is none of, and where others could reach it without a token."""
    if arguments.port is not None and not 0 <= arguments.port <= 65_535:
        raise UsageError(f"port must be 0 to 65535, got {arguments.port} (--port); 0 takes a free one")
    if arguments.token is not None and (len(arguments.token) < SHORTEST_TOKEN or not arguments.token.isalnum()):
        raise UsageError(f"token must be {SHORTEST_TOKEN} letters and digits or more (--token)")
    if arguments.host and not arguments.token:
        raise UsageError("host lets others reach it over the network, unencrypted: give a token as well (--token)")
    if arguments.host in ("0.0.0.0", "::"):
        raise UsageError("host must be the name or address that others open it by, not all of them (--host)")


def _socket(host: str, port: int, or_another: bool) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        if or_another and error.errno == errno.EADDRINUSE:
            return _socket(host, 0, False)
        why = error.strerror or error
        raise UsageError(
            f"cannot serve on {host}, port {port}: {why}. Choose another (--port 0: a free one)"
        ) from error
