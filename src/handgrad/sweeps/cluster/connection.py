"""Into a Ray cluster and out of it, with Ray's many ways to fail told in a line each."""

import contextlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.sweeps.cluster.address import LOCAL, resolved

LOG = 2  # the descriptor that Ray complains to
STORE_BYTES = 512 << 20  # of shared memory, for the data sets; what is not used takes no room


CONNECT_SECONDS = 60.0


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
        theirs, ours = _versions(text)
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


def _versions(text: str) -> tuple[str, str]:
    found = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
    words = [f"Ray {ray} on Python {python}" for ray, python in found]
    return (words[0], words[1]) if len(words) > 1 else ("another version", "its own")
