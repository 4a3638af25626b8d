"""Changes sent to pages as they come, by server-sent events; and reports in a frame in which nothing runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from handgrad.errors import UsageError
from handgrad.files import read_file
from handgrad.serve.limits import REPORT_POLICY

LOOK_SECONDS, QUIET_SECONDS, MOST_STREAMS = 0.6, 15.0, 24
LARGEST_REPORT = 1 << 26


def event(name: str, content: dict[str, Any]) -> str:
    """A message of a stream."""
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n"


class Streams:
    """The streams that are open."""

    def __init__(self) -> None:
        self.open = 0
        self.ending: Callable[[], bool] = lambda: False

    def reply(self, look: Callable[[], Iterator[str]]) -> Response:
        """A stream of the messages that `look` finds, some times a second."""
        if self.open >= MOST_STREAMS:
            return PlainTextResponse(f"{MOST_STREAMS} pages are open already\n", 503)
        return StreamingResponse(self._messages(look), media_type="text/event-stream")

    async def _messages(self, look: Callable[[], Iterator[str]]) -> AsyncIterator[str]:
        quiet = 0.0
        self.open += 1
        try:
            while not self.ending():
                quiet += LOOK_SECONDS
                async for message in iterate_in_threadpool(look()):
                    quiet = 0.0
                    yield message
                if quiet > QUIET_SECONDS:
                    quiet = 0.0
                    yield ": nothing new\n\n"
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.open -= 1


async def framed(path: Path) -> Response:
    """A report, as it was written.  Raises  UsageError for a link, HandgradError when it cannot be read."""
    if path.is_symlink():
        raise UsageError(f"{path} is a link, which is not followed")
    content = await run_in_threadpool(read_file, path, LARGEST_REPORT)
    return Response(content, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})
