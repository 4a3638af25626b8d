"""General matrix products (GEMM) from the best BLAS at hand, callable from compiled code.

Intel's MKL is taken when PyPI's `mkl` is installed, SciPy's OpenBLAS otherwise: on the thin matrices of small
networks MKL reaches 80-97 % of the processor's peak, OpenBLAS 40-75 %. Compiled kernels read the routine's address
from a memory cell, so the library can be changed while a process runs and compiled code is shared by both.
"""

import ctypes
import functools
import site
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic
from threadpoolctl import threadpool_limits

from handgrad.errors import UsageError
from handgrad.kernels.compile import fast_kernel

ROUTINES = {types.float32: "sgemm", types.float64: "dgemm"}
CELLS = {routine: ctypes.c_void_p() for routine in ROUTINES.values()}

for _routine, _cell in CELLS.items():
    llvm.add_symbol(f"handgrad_{_routine}", ctypes.addressof(_cell))


@functools.cache
def mkl_library() -> Any:
    """The MKL run-time library of this environment as a ctypes handle, or None."""
    for prefix in (sys.prefix, site.USER_BASE):
        for path in sorted(Path(prefix or "/nonexistent").glob("lib/libmkl_rt.so*")):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                continue
    return None


def _mkl_address(routine: str) -> int | None:
    library = mkl_library()
    return library and ctypes.cast(library[routine + "_"], ctypes.c_void_p).value


def _scipy_address(routine: str) -> int:
    return int(get_cython_function_address("scipy.linalg.cython_blas", routine))


LIBRARIES = {"mkl": _mkl_address, "scipy": _scipy_address}
_in_use: list[str] = []


def use(name: str = "auto") -> str:
    """Take matrix products from the library `name`: "mkl", "scipy", or "auto" for MKL where it is installed.

    Raises  UsageError when the name is unknown or the library is not installed.
    """
    if name == "auto":
        name = "mkl" if mkl_library() else "scipy"
    if name not in LIBRARIES:
        raise UsageError(f"unknown BLAS {name!r}: choose auto, {', '.join(LIBRARIES)} (--blas)")
    addresses = {routine: LIBRARIES[name](routine) for routine in CELLS}
    if not all(addresses.values()):
        raise UsageError(f"BLAS {name!r} is not installed (--blas): python -m pip install {name}")
    for routine, cell in CELLS.items():
        cell.value = addresses[routine]
    _in_use[:] = [name]
    return name


def in_use() -> str:
    """Name of the library that matrix products come from; chooses one when none is chosen yet."""
    return _in_use[0] if _in_use else use()


def threads(count: int) -> Any:
    """A context in which matrix products use `count` threads; the bits of a result depend on it."""
    in_use()
    return threadpool_limits(count, user_api="blas")


@intrinsic
def _gemm(typing_context: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, beta: Any, a: Any, b: Any, c: Any) -> Any:
    """c (m, n) = op(a) op(b) + beta c, all row-major and contiguous; a, b, c are arrays, ta and tb 0 or 1."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real = context.get_value_type(signature.args[8].dtype)
        integer, byte = ir.IntType(32), ir.IntType(8)

        def slot(value: Any) -> Any:
            pointer = cgutils.alloca_once(builder, value.type)
            builder.store(value, pointer)
            return pointer

        def data(i: int) -> Any:
            return context.make_array(signature.args[i])(context, builder, values[i]).data

        def letter(flag: Any) -> Any:
            return slot(builder.select(builder.trunc(flag, ir.IntType(1)), byte(ord("T")), byte(ord("N"))))

        # BLAS is column-major: it sees every row-major matrix transposed, so c' = op(b)' op(a)' swaps the factors.
        ta, tb = values[0], values[1]
        m, n, k = (builder.trunc(v, integer) for v in values[2:5])
        lda = builder.select(builder.trunc(ta, ir.IntType(1)), m, k)
        ldb = builder.select(builder.trunc(tb, ir.IntType(1)), k, n)
        arguments = [letter(tb), letter(ta), slot(n), slot(m), slot(k), slot(real(1.0)), data(7), slot(ldb)]
        arguments += [data(6), slot(lda), slot(values[5]), data(8), slot(n)]
        function_type = ir.FunctionType(ir.VoidType(), [value.type for value in arguments])
        routine = "handgrad_" + ROUTINES[signature.args[8].dtype]
        cell = cgutils.add_global_variable(builder.module, function_type.as_pointer(), routine) if (
            routine not in builder.module.globals) else builder.module.globals[routine]
        builder.call(builder.load(cell), arguments)
        return context.get_dummy_value()

    flag = types.int64
    return types.void(flag, flag, flag, flag, flag, c.dtype, a, b, c), generate


@fast_kernel
def matmul(a, b, c):
    """c = a @ b.  Shapes  a (M, K), b (K, N), c (M, N), row-major."""
    _gemm(0, 0, a.shape[0], b.shape[1], a.shape[1], c.dtype.type(0), a, b, c)


@fast_kernel
def matmul_transposed_a(a, b, c):
    """c = a.T @ b.  Shapes  a (K, M), b (K, N), c (M, N), row-major."""
    _gemm(1, 0, a.shape[1], b.shape[1], a.shape[0], c.dtype.type(0), a, b, c)


@fast_kernel
def matmul_transposed_b(a, b, c):
    """c = a @ b.T.  Shapes  a (M, K), b (N, K), c (M, N), row-major."""
    _gemm(0, 1, a.shape[0], b.shape[0], a.shape[1], c.dtype.type(0), a, b, c)
