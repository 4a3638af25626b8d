"""Tasks on the machines of a Ray cluster: its address, the connection to it, and the executor."""

import contextlib
import os
import re
import secrets
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.plugins import how_to_install, is_installed
from handgrad.runs.executor.protocol import Child, Event, Task, events_of

LOCAL, AUTO, CLIENT = "local", "auto", "ray://"
KNOCK_SECONDS = 5.0
LOG = 2  # the descriptor that Ray complains to
STORE_BYTES = 512 << 20  # of shared memory, for the data sets; what is not used takes no room


CONNECT_SECONDS = 60.0
PROXY = "handgrad.runs.executor.ray_proxy"
PATIENCE_SECONDS = 25.0


def check_cluster(address: str) -> None:
    """Check whether tasks can be sent there, as far as that is seen without Ray.

    Raises  UsageError when Ray is missing, or the address is none; FileSystemError when nobody listens there.
    """
    require_ray()
    if address != LOCAL and resolved(address) != AUTO:
        knock(resolved(address))


def require_ray() -> None:
    """Raise a UsageError that names the extra, where Ray is missing."""
    if not is_installed("ray"):
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


@contextlib.contextmanager
def connected(address: str, jobs: int | None, give_up: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, this process is the driver of a job on the cluster at `address`.

    `give_up` is called, in another thread, with the reason when that takes too long: Ray cannot be called back.

    Raises  FileSystemError when it does not answer, or wants another token; UsageError when it has another version.
    """
    import ray

    address = resolved(address)
    late = f"the Ray cluster ({address}) gave no answer for {CONNECT_SECONDS:g} s: does `ray status` know it? (--ray)"
    patience = threading.Timer(CONNECT_SECONDS, give_up, (late,))
    patience.daemon = True
    patience.start()
    with _folder(address) as own:
        begun = os.fstat(LOG).st_size
        try:
            ray.init(address=address, log_to_driver=False, logging_level="warning", **_parts(jobs, own))
        except Exception as error:  # Ray raises whatever it likes
            raise explained(address, f"{_since(begun)}\n{error}") from error
        finally:
            patience.cancel()
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _folder(address: str) -> Iterator[str]:
    """The folder of a cluster of this machine alone, with a name that leaves room for Ray's sockets; else none."""
    if address != LOCAL:
        yield ""
        return
    folder = tempfile.mkdtemp(prefix="handgrad-ray-", dir="/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parts(cpus: int | None, folder: str) -> dict[str, Any]:
    """What a cluster of this machine alone is made of; nothing where there is one already."""
    if not folder:
        return {}
    parts = {"num_cpus": cpus, "num_gpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    return {**parts, "_temp_dir": folder}


def _since(begun: int) -> str:
    """What was logged since then: that a token is wrong, Ray says nowhere else."""
    log = Path(f"/proc/self/fd/{LOG}")
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(begun)
        return file.read().decode(errors="replace")


def explained(address: str, text: str) -> HandgradError:
    """What Ray complains of when it cannot connect, in one line."""
    if "ersion mismatch" in text:
        found = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
        words = [f"Ray {ray} on Python {python}" for ray, python in found]
        theirs, ours = (words[0], words[1]) if len(words) > 1 else ("another version", "its own")
        return UsageError(
            f"the Ray cluster ({address}) has {theirs}, this machine has {ours}: install the same on both"
        )
    if any(sign in text for sign in ("InvalidAuthToken", "AuthenticationError", "authentication token", "TOKEN_PATH")):
        return FileSystemError(
            f"the Ray cluster ({address}) wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
            "RAY_AUTH_TOKEN_PATH to the one that `ray get-auth-token` prints on its head"
        )
    return FileSystemError(f"cannot use the Ray cluster ({address}): {last_line(text)} (--ray)")


def last_line(error: BaseException | str) -> str:
    """The line of a long message that says most: the last one, which in a traceback names the error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it does not say why"


class RayExecutor:
    """Runs on a Ray cluster, at most `jobs` at a time, else as many as it has CPUs; what Ray prints goes to `log`.

    Every node needs these `files`, as this machine has them, at the same place.

    Ray is at work in a process of its own, the proxy: it prints what it likes there, and where it loses its cluster,
    for which it knows no other way than to abort the process, the driver goes on and reports it.

    Raises  as check_cluster.
    """

    def __init__(
        self,
        address: str,
        jobs: int | None,
        function: str,
        config: dict[str, Any],
        files: Sequence[Path],
        runs_dir: Path,
        log: Path,
    ) -> None:
        check_cluster(address)
        self.address, self._log, self._workers = address, log, 0
        self._mark = runs_dir.absolute() / f".{secrets.token_hex(8)}"  # nobody has it who does not see this folder
        self._mark.touch()
        order: dict[str, Any] = {"address": address, "jobs": jobs, "function": function, "config": config}
        order |= {"mark": str(self._mark), "files": [str(path.absolute()) for path in files]}
        with log.open("ab") as file:
            self._proxy = Child(PROXY, order, file, environment(address))
        self._channel = self._proxy.channel

    @property
    def slots(self) -> int:
        """The workers that are there; one task can wait for the first of them."""
        return max(1, self._workers)

    def submit(self, task: Task) -> None:
        self._channel.send({"task": list(task)})

    def decide(self, number: int, stop: str) -> None:
        self._channel.send({"decision": [number, stop]})

    def interrupt(self) -> None:
        self._channel.send({"interrupt": True})

    def events(self, seconds: float) -> Sequence[Event]:
        """Read what has come, once something has.

        Raises  HandgradError when the cluster cannot be reached any more, or its nodes cannot run trials.
        """
        select.select([self._channel.socket], [], [], seconds)
        found = [event for message in self._channel.received() for event in self._events(message)]
        if self._channel.closed and not found:
            why = f"the Ray cluster ({self.address}) was lost: {self._log} may say why"
            raise FileSystemError(f"{why}. Go on with: handgrad sweep resume {self._log.parent} --ray {self.address}")
        return found

    def close(self) -> None:
        """Hang up: the proxy stops its workers, and ends a cluster of its own."""
        self._proxy.close(PATIENCE_SECONDS)
        self._mark.unlink(missing_ok=True)

    def _events(self, message: dict[str, Any]) -> list[Event]:
        self._workers = message.get("workers", self._workers)
        return events_of(message)


def environment(address: str) -> dict[str, str]:
    """Variables of the proxy; a cluster of its own has a token of its own, where nobody says otherwise."""
    variables = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_NUM_REDIS_GET_RETRIES": "4",  # of a cluster that does not answer: each takes up to 6 s
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else a driver under `uv run` would send its folder to every node
    }
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return variables
