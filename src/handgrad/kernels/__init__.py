"""Arithmetic on arrays.

`kernels.driver`, and each other module here, is imported where it is first used: most of them need Numba, which takes a
quarter of a second, and who only reads settings or finished runs does not wait for it.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if not name.startswith("__"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
