"""The page of `handgrad serve` in a browser that is installed; tests without one are skipped with a reason."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="starlette is not installed: python -m pip install starlette uvicorn")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
in_browser = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no Chromium or Chrome here")]


@contextmanager
def serving(runs_dir: Path) -> Iterator[tuple[str, int]]:
    """A server, as the command starts it: its address, and its process."""
    command = [sys.executable, "-m", "handgrad", "serve", "--runs_dir", str(runs_dir), "--port", "0", "--no_browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
            yield address, server.pid
        finally:
            server.terminate()


@contextmanager
def browsing(runs_dir: Path) -> Iterator[Any]:
    """A function that opens a page of its own, of a width and a colour scheme; its `complaints` are the console's.

    Its `server` is the process that answers it.
    """
    driver = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: python -m pip install playwright"
    )
    with serving(runs_dir) as (address, pid), driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])

        def open_page(width: int = 400, scheme: str = "light") -> Any:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.complaints, page.server = [], pid
            page.on("console", lambda message: page.complaints.append(message.text))
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            page.goto(address)
            return page

        yield open_page
        browser.close()


def show(page: Any, view: str) -> None:
    """Go to a view by the address behind #."""
    page.evaluate("view => { location.hash = view; }", view)


def draw(page: Any, strokes: Any) -> None:
    """Move the mouse over the pad: a list of points from 0 to 1 for each stroke."""
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
