"""Sweeps: W&B's sweep files read into a search space. Names are imported when they are first used.

The server of `handgrad serve` reads trials without waiting for the compiler.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.errors import Diagnostic
    from handgrad.sweeps.definition import Hyperband, Metric, SweepDefinition
    from handgrad.sweeps.sweep_file import BUNDLED, read_sweep

__all__ = ["BUNDLED", "Diagnostic", "Hyperband", "Metric", "SweepDefinition", "read_sweep"]

_HOMES = {
    "Diagnostic": "errors",
    "Hyperband": "sweeps.definition",
    **dict.fromkeys(("Metric", "SweepDefinition"), "sweeps.definition"),
    **dict.fromkeys(("BUNDLED", "read_sweep"), "sweeps.sweep_file"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'handgrad.sweeps' has no attribute {name!r}")
    return globals().setdefault(name, getattr(importlib.import_module(f"handgrad.{_HOMES[name]}"), name))
