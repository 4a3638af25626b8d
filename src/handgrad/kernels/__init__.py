"""Arithmetic on arrays.

`kernels.driver`, and each other module here, is imported where it is first used: most of them need Numba, which takes a
quarter of a second, and who only reads settings or finished runs does not wait for it.
"""

import importlib
import os
from typing import Any

if os.environ.get("HANDGRAD_VECTOR_WIDTH"):  # before anything else is compiled, for which Numba settles the width
    importlib.import_module("handgrad.kernels.processor")


def __getattr__(name: str) -> Any:
    if not name.startswith("__"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
