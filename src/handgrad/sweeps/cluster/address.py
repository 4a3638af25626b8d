"""What `--ray` may be given, and whether anybody answers there."""

import importlib.util
import os
import socket
from urllib.parse import urlsplit

from handgrad.errors import FileSystemError, UsageError
from handgrad.extras import how_to_install

LOCAL, AUTO, CLIENT = "local", "auto", "ray://"
KNOCK_SECONDS = 5.0


def check_cluster(address: str) -> None:
    """Look whether trials can be sent there, as far as that is seen without Ray.

    Raises  UsageError when Ray is missing, or the address is none; FileSystemError when nobody listens there.
    """
    require_ray()
    if address != LOCAL and resolved(address) != AUTO:
        knock(resolved(address))


def require_ray() -> None:
    """Raise a UsageError that names the extra, where Ray is missing."""
    try:
        found = importlib.util.find_spec("ray")
    except ValueError:  # what stands in its place in sys.modules is no module
        found = None
    if found is None:
        raise UsageError(f"--ray needs Ray: {how_to_install('ray')}")


def host_and_port(address: str) -> tuple[str, int]:
    """Where a cluster is to answer.  Raises  UsageError."""
    wrong = UsageError(f"--ray must be auto, local, ray://HOST:PORT or HOST:PORT, got {address!r}")
    try:
        parts = urlsplit("//" + address.removeprefix(CLIENT))
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or not port or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise wrong
    return host, port


def resolved(address: str) -> str:
    """The address itself; for auto the one in $RAY_ADDRESS, as Ray has it, where that is set."""
    return os.environ.get("RAY_ADDRESS") or AUTO if address == AUTO else address


def knock(address: str) -> None:
    """Raise a FileSystemError unless something listens there: Ray itself would try for a minute, then abort."""
    host, port = host_and_port(address)
    try:
        socket.create_connection((host, port), KNOCK_SECONDS).close()
    except OSError as error:
        why = error.strerror or "no answer" if not isinstance(error, TimeoutError) else "no answer"
        raise FileSystemError(
            f"no Ray cluster at {host}:{port}: {why} (--ray). Start one with `ray start --head`, or use --ray local"
        ) from None
