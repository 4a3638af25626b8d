"""The machine that this process runs on, as plain data: processor, cores, vector instructions, memory in use."""

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

VECTOR_INSTRUCTIONS = ("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_tile", "asimd", "sve")
CPUINFO, STATUS = Path("/proc/cpuinfo"), Path("/proc/self/status")


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


def _cpuinfo() -> dict[str, str]:
    """What Linux says about the first processor."""
    if not CPUINFO.exists():
        return {}
    first = CPUINFO.read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in first)
    return {name.strip(): value.strip() for name, _, value in pairs}


def available_cores() -> tuple[int, ...]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def peak_bytes() -> int:
    """The most physical memory that this process occupied at any moment.

    Linux counts in ru_maxrss what the parent occupied before this program began, and so the larger of the two; its
    own mark is VmHWM.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
