"""Fetching one file over https from the first mirror that has it right."""

import io
import logging
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol
from urllib.parse import urljoin

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from handgrad.errors import HandgradError
from handgrad.screen import console

log = logging.getLogger("handgrad")

MAX_BYTES = 1 << 30  # EMNIST has 535 MB
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 16
EVERY = 10.0  # seconds between two lines where there is no terminal


class Failure(NamedTuple):
    """A place or an address that was tried, and why it did not serve."""

    where: str
    why: str


class Downloaded(NamedTuple):
    """What came in, None when every mirror failed; and the failures on the way."""

    content: bytes | None
    failures: list[Failure]


def download(mirrors: tuple[str, ...], file: str, check: Callable[[bytes, str], object]) -> Downloaded:
    """The bytes of `file` from the first of `mirrors` whose answer passes `check(content, address)`.

    Whatever goes wrong with a mirror (no connection, a refusal, a web page, a wrong hash), the next one is tried.
    """
    failures = []
    for mirror in mirrors:
        address = mirror + file
        try:
            content = _fetch(address)
            check(content, address)
        except (OSError, ValueError, HandgradError) as error:
            failures.append(Failure(address, _reason(error)))
            log.warning("%s failed: %s", *failures[-1])
        else:
            return Downloaded(content, failures)
    return Downloaded(None, failures)


class DownloadBar:
    """A bar on a terminal; elsewhere a line after every EVERY seconds. pooch sets `total` and calls the methods."""

    def __init__(self, file: str) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(file, total=None)
        self.file, self.total, self.done, self._last = file, 0, 0, time.monotonic()
        self._bar.start()

    def update(self, amount: int) -> None:
        """Count `amount` bytes more."""
        self.done += amount
        self._bar.update(self._task, completed=self.done, total=self.total or None)
        if self._bar.disable and time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            of = f" of {self.total / 1e6:.1f}" if self.total else ""
            log.info("downloading %s: %.1f%s MB", self.file, self.done / 1e6, of)

    def reset(self) -> None:
        """Start counting from nothing, as pooch does before it reports the whole at the end."""
        self.done = 0

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


class _Response(Protocol):
    """The part of an answer of requests that is looked at."""

    url: str
    is_redirect: bool
    headers: dict[str, str]


class _CappedBuffer(io.BytesIO):
    """Memory that takes in at most MAX_BYTES, whatever a server sends."""

    def write(self, chunk: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(chunk) > MAX_BYTES:
            raise ValueError(f"answer is longer than {MAX_BYTES} bytes")
        return super().write(chunk)


def _fetch(address: str) -> bytes:
    if not address.startswith("https://"):
        raise ValueError("only https addresses are used")
    log.info("downloading %s", address)
    body, progress = _CappedBuffer(), DownloadBar(address.rpartition("/")[2])
    import pooch  # who has the data does not wait for it

    fetch = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_SECONDS, hooks={"response": _refuse_plain_http}
    )
    try:
        fetch(address, body, None)
    finally:
        progress.close()
    return body.getvalue()


def _refuse_plain_http(response: _Response, **_: object) -> None:
    target = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and not target.startswith("https://"):
        raise ValueError(f"redirected to {target}, which is not https")


def _reason(error: Exception) -> str:
    # requests wraps what happened in a chain of errors; the innermost says it shortest.
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(str(cause or error).split())[:300] or type(error).__name__
