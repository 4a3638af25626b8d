"""Kernels that do not fit their role, one without a file, and what was compiled before a kernel."""

import re

import pytest
from numba import njit, types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from tests.slow import quick

from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.kernels.dispatch import FAST, STRICT, address


@strict_kernel
def returns_an_integer(x):
    """Not what its caller expects."""
    return x.size


def test_a_kernel_that_stands_compiled_with_another_result_is_refused():
    vector = types.Array(types.float64, 1, "C")
    assert address(returns_an_integer, types.int64(vector)) > 0
    with pytest.raises((TypeError, TypingError), match=r"return.* float64"):
        address(returns_an_integer, types.float64(vector))


def test_a_kernel_typed_in_has_no_file_and_still_compiles():
    room = {}
    exec(compile("def twice(x):\n    return 2 * x", "<typed in>", "exec"), room)
    assert fast_kernel(room["twice"])(21) == 42


def squares(x, y):
    for i in range(x.size):
        y[i] += (x[i] - y[i]) ** 2


def power(x, y):
    y[0] = x[0] ** x.size


def instructions(function, policy, signature):
    compiled = njit(**policy)(function)
    compiled.compile(signature)
    return re.findall(r"^\s+([a-z]\w*)", compiled.inspect_asm(signature), re.M)


@pytest.mark.parametrize("policy", quick([FAST, STRICT], [STRICT]), ids=["fast", "strict"])
def test_machine_code_does_not_depend_on_what_was_compiled_before(policy):
    """Both functions raise to a power, for which Numba compiles one function of its own for all of a process."""
    other, signature = STRICT if policy is FAST else FAST, (types.Array(types.float64, 1, "C"),) * 2
    cpu_target.target_context.cached_internal_func.clear()
    first = instructions(squares, policy, signature)
    cpu_target.target_context.cached_internal_func.clear()
    instructions(power, other, signature)
    assert instructions(squares, policy, signature) == first
