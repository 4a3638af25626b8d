"""JSON lines over a socket between two processes of a sweep."""

import json
import select
import socket
from contextlib import suppress
from typing import Any

CHUNK = 1 << 16


class Channel:
    """One end; messages are JSON objects."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._buffer = b""
        self.closed = False

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; one to an end that is gone is lost, which its own end of file tells."""
        with suppress(OSError):
            self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when the other end is gone."""
        while b"\n" not in self._buffer:
            if not self._read():
                return None
        return self._pop()

    def received(self) -> list[dict[str, Any]]:
        """The messages that are there already."""
        found = []
        while not self.closed and select.select([self.socket], [], [], 0)[0]:
            self._read()
        while b"\n" in self._buffer:
            found.append(self._pop())
        return found

    def at_end(self) -> bool:
        """Whether the other end is gone, and has left nothing to read."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
        self.closed = True

    def _read(self) -> bool:
        try:
            chunk = self.socket.recv(CHUNK)
        except OSError:
            chunk = b""
        self._buffer += chunk
        self.closed = self.closed or not chunk
        return bool(chunk)

    def _pop(self) -> dict[str, Any]:
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
