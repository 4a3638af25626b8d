"""How kernels are compiled: the two floating-point policies, the cache on disk, and calls through addresses.

A kernel is a Numba function. The step driver does not know kernels by name: a network is a table of *addresses*,
and one compiled driver calls through them. So a new layer or optimizer, also one written outside the package, is
compiled alone and the driver not at all.
"""

import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numba
import platformdirs
from numba import njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.typing import Signature
from numba.extending import intrinsic

STRICT = {"error_model": "numpy", "nogil": True}
"""IEEE arithmetic in the order written: for losses and wherever the last bit is compared."""

FAST = STRICT | {"fastmath": {"contract", "reassoc", "nsz", "arcp"}}
"""Sums may be reordered, multiply-adds fused. Never `nnan` or `ninf`: a NaN must reach the loss, where it is seen."""

INLINE = FAST | {"forceinline": True}
"""For parts of fast kernels. A function of its own would exist twice, compiled alone and within its caller's module,
where sums may be fused or ordered otherwise; which of the two is called differs between the process that compiled it
and one that found it in the cache, and so would the last bits."""

KERNELS = Path(__file__).parent
log = logging.getLogger("handgrad")


@functools.cache
def source_digest(folder: Path = KERNELS) -> str:
    """SHA-256 over every source in `folder` and the compiler's version: Numba's own stamp sees one file only."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: under $HANDGRAD_CACHE_DIR or the user's cache; else a temporary folder."""
    root = os.environ.get("HANDGRAD_CACHE_DIR") or platformdirs.user_cache_dir("handgrad")
    folder = Path(root) / "kernels" / source_digest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="handgrad-kernels-"))


@functools.cache
def announce() -> None:
    """Say once that compiling takes a while, when nothing was ever compiled here with these sources."""
    if not any(cache_folder().glob("*.nbi")):
        log.info("compiling the kernels for this processor: once, for about 20 s")


class _Locator(_CacheLocator):
    """Tells Numba's on-disk cache where a kernel lives and when it is stale: when a source that it may import changed.

    These are the package's kernels and the kernel's own folder: eve.py takes over kernels from adam.py beside it.
    """

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._line = py_func.__code__.co_firstlineno
        self._file = Path(py_file)

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        digests = source_digest() + source_digest(self._file.parent)
        return hashlib.sha256(digests.encode() + self._file.read_bytes()).hexdigest()

    def get_disambiguator(self) -> str:
        return hashlib.sha256(f"{self._file.resolve()}:{self._line}".encode()).hexdigest()[:10]

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator | None":
        return cls(py_func, py_file) if os.path.isfile(py_file) else None


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes: ClassVar[list[Any]] = [_Locator]


class _Cache(FunctionCache):
    _impl_class = _CacheImpl


def _compiled(function: Callable[..., Any], policy: dict[str, Any]) -> Any:
    dispatcher = njit(**policy)(function)
    if os.path.isfile(function.__code__.co_filename):  # a kernel typed into a notebook has no file to key a cache on
        dispatcher._cache = _Cache(function)
    return dispatcher


def strict_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the STRICT policy and the package's cache."""
    return _compiled(function, STRICT)


def fast_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the FAST policy and the package's cache."""
    return _compiled(function, FAST)


def inline_kernel(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels, with the FAST policy, into each of its callers: see INLINE."""
    return _compiled(function, INLINE)


def address(kernel: Any, signature: Signature) -> int:
    """Machine address of `kernel` compiled for `signature`, to be called by a `caller` of the same signature."""
    announce()
    compiled = kernel.get_compile_result(signature)
    if compiled.signature.return_type != signature.return_type:
        raise TypeError(f"{kernel.__name__} must return {signature.return_type}, got {compiled.signature.return_type}")
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def caller(returns: Any, arguments: Callable[[Any], Sequence[Any]]) -> Any:
    """A compiled function `call(address, like, *args)` that calls a kernel through its address.

    `arguments(real)` lists the kernel's argument types for the float type of `like`, an array.
    """

    @intrinsic
    def call(typing_context: Any, target: Any, like: Any, *args: Any) -> Any:
        expected = list(arguments(like.dtype))
        kernel_signature = returns(*expected)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            function_type = context.call_conv.get_function_type(kernel_signature.return_type, kernel_signature.args)
            pointer = builder.inttoptr(values[0], function_type.as_pointer())
            sources = zip(signature.args[2], expected, strict=True)
            given = [
                context.cast(builder, builder.extract_value(values[2], i), source, wanted)
                for i, (source, wanted) in enumerate(sources)
            ]
            status, result = context.call_conv.call_function(
                builder, pointer, kernel_signature.return_type, kernel_signature.args, given
            )
            with builder.if_then(status.is_error, likely=False):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return returns(types.int64, like, types.StarArgTuple(args)), generate

    return call
