"""The machine that was measured on, as plain data: processor, cores, vector instructions, versions."""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from handgrad.bench.processes import available_cores

PACKAGES = ("handgrad", "numpy", "numba", "scipy", "torch", "jax", "jaxlib", "keras", "scikit-learn")
VECTOR_INSTRUCTIONS = ("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_tile", "asimd", "sve")
CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Processor, how many cores this process may use, vector instructions, system; nothing that names the host."""
    facts = _cpuinfo()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": len(available_cores()),
        "vector_instructions": [name for name in VECTOR_INSTRUCTIONS if name in flags],
        "system": f"{platform.system()} {platform.machine()}",
    }


def tag(facts: dict[str, Any]) -> str:
    """A machine as part of a file's name, such as amd-epyc-2-cores."""
    words = re.sub(r"[^a-z0-9]+", "-", facts["processor"].lower().replace("(r)", "").replace("(tm)", "")).strip("-")
    return f"{words}-{facts['cores']}-cores"


def versions() -> dict[str, str]:
    """Python's and those of the packages that are installed."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpuinfo() -> dict[str, str]:
    """What Linux says about the first processor."""
    if not CPUINFO.exists():
        return {}
    first = CPUINFO.read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in first)
    return {name.strip(): value.strip() for name, _, value in pairs}
