"""Denormal numbers vanish inside compiled code and are there again outside."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from tests.slow import quick

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.processor import flush_denormals, restore

DENORMAL = {"float32": np.float32(1e-40), "float64": np.float64(1e-310)}
KNOWN = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")


@strict_kernel
def halved_while_flushing(x):
    """Halves the array where denormals are flushed."""
    word = flush_denormals()
    for i in range(x.size):
        x[i] = x[i] * x.dtype.type(0.5)
    restore(word)


@pytest.mark.skipif(not KNOWN, reason="on this processor denormals are left alone")
@pytest.mark.parametrize("dtype", DENORMAL)
def test_denormals_vanish_inside_and_return_outside(dtype):
    x = np.array([DENORMAL[dtype], 4.0], dtype)
    halved_while_flushing(x)
    assert list(x) == [0.0, 2.0]
    caller = np.array([DENORMAL[dtype]]) * np.array(0.5, dtype)
    assert caller[0] > 0


@pytest.mark.skipif(not KNOWN, reason="on this processor denormals are left alone")
def test_results_below_the_normal_range_vanish():
    x = np.array([np.finfo(np.float32).tiny])  # the smallest normal number: half of it is denormal
    halved_while_flushing(x)
    assert x[0] == 0


WIDTHS = [("256", "32 False"), ("300", "must be 256, 512 or auto, got '300'")]


@pytest.mark.parametrize(("width", "said"), quick(WIDTHS, WIDTHS[1:]))
def test_the_width_of_vectors_is_the_users(width, said):
    """256 stands for a processor without AVX-512; one that has no 256 bits either is not asked."""
    code = """
from handgrad.errors import UsageError
try:
    from handgrad.kernels.blocks import FEATURES, VECTOR_BYTES
    print(VECTOR_BYTES if "avx" in FEATURES else 32, any(name.startswith("avx512") for name in FEATURES))
except UsageError as error:
    print(error)
"""
    environment = os.environ | {"HANDGRAD_VECTOR_WIDTH": width}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said in done.stdout
