"""Kernels that do not fit their role, and one without a file."""

import pytest
from numba import types
from numba.core.errors import TypingError

from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.kernels.dispatch import address


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
