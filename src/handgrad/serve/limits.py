"""Who may talk to the server, and how much of it (sizes, times, connections, tokens); streams of changes to pages."""

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from handgrad.errors import UsageError
from handgrad.files import read_file

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_ADDRESS, LARGEST_BODY, MOST_FIELDS, DEEPEST = 4096, 200_000, 400, 4
BODY_SECONDS, HEADER_SECONDS, MOST_CONNECTIONS = 10.0, 10.0, 300
METHODS = ("GET", "HEAD", "POST")
# What a page of ours may load: its own files, and pictures that it has drawn itself.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report may be of anybody's run: it is shown, and runs nothing.
REPORT_POLICY = (
    "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """An ASGI application in front of another one, which gets no request that the page itself would not send.

    `token` opens the page, from its address or its cookie; `post_token` stands in the page alone, and is sent with
    whatever changes something.
    """

    def __init__(self, inner: Application, hosts: frozenset[str], port: int, token: str) -> None:
        self.inner, self.token, self.post_token = inner, token, secrets.token_urlsafe(32)
        self.cookie = f"handgrad-{port}"  # cookies do not know ports: two servers keep two
        self.hosts = frozenset(f"{host}:{port}" for host in hosts)
        self.origins = frozenset(f"http://{host}" for host in self.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        status, why = self.refusal(scope)
        scope["state"] = {**scope.get("state", {}), "guard": self}
        application = PlainTextResponse(why + "\n", status) if status else self.inner

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await application(scope, receive, send_guarded)

    def refusal(self, scope: Scope) -> tuple[int, str]:
        """Status and reason of a refusal; 0 for a request that may pass."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        if scope["method"] not in METHODS:
            return 405, f"methods are {', '.join(METHODS)}"
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
            return 414, f"an address has at most {LONGEST_ADDRESS} bytes"
        if len(headers.get("host", ())) != 1 or headers["host"][0].lower() not in self.hosts:
            return 403, "this host name is not served"
        if not self.origins.issuperset(headers.get("origin", ())):
            return 403, "requests of other sites are not served"
        if not self._has_token(scope, headers):
            return 401, "open the address that `handgrad serve` printed: its token is missing, or of an earlier start"
        return self._refusal_of_post(headers) if scope["method"] == "POST" else (0, "")

    def _has_token(self, scope: Scope, headers: Mapping[str, list[str]]) -> bool:
        candidates = parse_qs(scope["query_string"].decode("latin-1")).get("token", []) if scope["path"] == "/" else []
        for text in headers.get("cookie", ()):
            try:
                candidates += [each.value for name, each in SimpleCookie(text).items() if name == self.cookie]
            except CookieError:
                continue
        return any(same(each, self.token) for each in candidates)

    def _refusal_of_post(self, headers: Mapping[str, list[str]]) -> tuple[int, str]:
        if "origin" not in headers or not same(headers.get("x-handgrad-token", [""])[0], self.post_token):
            return 403, "what changes something is sent by the page, with its token"
        if headers.get("content-type", [""])[0].partition(";")[0].strip() != "application/json":
            return 415, "the body must be JSON"
        if "content-encoding" in headers:
            return 415, "the body must not be compressed"
        sizes = headers.get("content-length", ["0"])
        if not sizes[0].isdecimal() or int(sizes[0]) > LARGEST_BODY:
            return 413, f"a body has at most {LARGEST_BODY} bytes"
        return 0, ""


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


async def read_fields(request: Request) -> dict[str, Any]:
    """The object in a request's body.  Raises  UsageError when it is none, too large, or takes too long."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise UsageError(f"a body has at most {LARGEST_BODY} bytes")
        fields = json.loads(body)
    except TimeoutError as error:
        raise UsageError(f"a body arrives within {BODY_SECONDS:g} seconds") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON") from error
    if not isinstance(fields, dict) or count_fields(fields) > MOST_FIELDS:
        raise UsageError(f"the body must be an object of at most {MOST_FIELDS} values, {DEEPEST} deep")
    return fields


def count_fields(value: Any, depth: int = 0) -> int:
    """How many values are in it, itself included; too many for any limit where it is too deep."""
    if depth > DEEPEST:
        return MOST_FIELDS + 1
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(count_fields(each, depth + 1) for each in inner)


class LimitedProtocol(H11Protocol):
    """Uvicorn's connection, closed where there are too many, and where no whole request comes within a time."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Accept it, or close it at once."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came; the time ends with the headers of a request, whose body has a time of its own."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        super().connection_lost(exc)
        if self._waiting:
            self._waiting.cancel()

    def _watch(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._waiting is None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
        elif not idle and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


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
