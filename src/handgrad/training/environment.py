"""What the bits of a training depend on besides its config: machine, versions; compared on resume."""

import platform
import sys
from functools import cache
from importlib.metadata import version
from typing import Any

import llvmlite.binding as llvm

from handgrad.kernels.blocks import VECTOR_BYTES

PACKAGES = ("numpy", "numba", "scipy", "llvmlite")


def environment() -> dict[str, Any]:
    """Versions and processor, as plain data."""
    return dict(_environment())


@cache
def _environment() -> dict[str, Any]:
    return {
        "handgrad": version("handgrad"),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "vector_bytes": VECTOR_BYTES,
        "machine": platform.machine(),
        "processor": llvm.get_host_cpu_name(),
        "platform": sys.platform,
    }


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One phrase for each entry that is not the same: "numba 0.67, now 0.68"."""
    names = [*before, *(name for name in now if name not in before)]
    return [f"{name} {before.get(name)}, now {now.get(name)}" for name in names if before.get(name) != now.get(name)]
