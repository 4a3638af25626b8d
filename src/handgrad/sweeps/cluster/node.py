"""What has to be the same on every machine of a cluster, and what is merely told."""

import hashlib
import socket
from functools import cache
from pathlib import Path
from typing import Any

from handgrad.training.environment import environment

PACKAGE = Path(__file__).parents[2]


@cache
def sources(folder: Path = PACKAGE) -> str:
    """A digest of every source file: two nodes with one version number may still run different code."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def facts() -> dict[str, Any]:
    """What a node tells of itself, as plain data."""
    return {"host": socket.gethostname(), "sources": sources(), "environment": environment()}


def refusal(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Why a node cannot take trials: it has another handgrad; nothing where it can."""
    here, there = ours["environment"]["handgrad"], theirs["environment"]["handgrad"]
    if here != there:
        return f"it has handgrad {there}, this machine has {here}"
    if ours["sources"] != theirs["sources"]:
        return f"its handgrad {there} differs from this machine's in its source files"
    return ""


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What may change the last bits of a trial that is run there; nothing where nothing does."""
    here, there = ours["environment"], theirs["environment"]
    return ", ".join(f"{name} {there.get(name)} for {here[name]}" for name in here if here[name] != there.get(name))
