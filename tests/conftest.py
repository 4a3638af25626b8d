"""What tests everywhere may ask for: the real data sets and PyTorch, each skipping with a reason when absent."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """`real_data("mnist")` is the folder of that set under $HANDGRAD_DATA_DIR."""

    def folder(name: str) -> Path:
        root = os.environ.get("HANDGRAD_DATA_DIR")
        if not root:
            pytest.skip("HANDGRAD_DATA_DIR is not set: point it at a folder that holds mnist/ and fashion_mnist/")
        if not (Path(root) / name).is_dir():
            pytest.skip(f"no {name} in HANDGRAD_DATA_DIR ({root})")
        return Path(root) / name

    return folder


@pytest.fixture
def torch() -> ModuleType:
    """PyTorch on one thread, as the tests' own processes already share the cores."""
    module = pytest.importorskip("torch", reason="PyTorch is not installed: python -m pip install torch==2.13.0")
    module.set_num_threads(1)
    return module
