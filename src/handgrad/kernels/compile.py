"""What turns a Python function into a kernel: compiled with one of two floating-point policies when it is first used.

Numba takes a quarter of a second to import, and a kernel a millisecond to prepare. So neither happens where a layer or
an optimizer is only looked at, for a help text or a report: `handgrad.kernels.dispatch` does both, when it is needed.
"""

import functools
import importlib
import time
from collections.abc import Callable
from typing import Any


class Kernel:
    """A function that Numba compiles with one of dispatch.POLICIES, for each types of arguments once.

    Whatever Numba's dispatcher has, it has too; `py_func` is the function as it was written.
    """

    def __init__(self, function: Callable[..., Any], policy: str) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self.policy, self.written = function, policy, time.time()

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)

    def __reduce__(self) -> str:
        """By its name, as a function is pickled."""
        return self.py_func.__qualname__

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What Numba compiles for calls from Python; the function itself under NUMBA_DISABLE_JIT."""
        return _dispatch().dispatcher_of(self)

    @functools.cached_property
    def inner(self) -> Any:
        """What Numba compiles for calls from kernels, without what takes Python's arguments: a third of the time."""
        return _dispatch().dispatcher_of(self, no_cpython_wrapper=True)

    @property
    def _numba_type_(self) -> Any:
        """What Numba takes it for where a kernel calls it."""
        return self.inner._numba_type_


def strict_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the STRICT policy and the package's cache."""
    return Kernel(function, "STRICT")


def fast_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the FAST policy and the package's cache."""
    return Kernel(function, "FAST")


def inline_kernel(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels, with the INLINE policy, into each of its callers."""
    return Kernel(function, "INLINE")


def kernel_address(kernel: Any, role: str, dtype: str) -> int:
    """See dispatch.kernel_address."""
    return _dispatch().kernel_address(kernel, role, dtype)


def _dispatch() -> Any:
    return importlib.import_module("handgrad.kernels.dispatch")
