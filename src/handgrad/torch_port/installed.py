"""PyTorch, where it is installed, and the device that it is to compute on."""

import importlib
from typing import Any

from handgrad.errors import UsageError
from handgrad.plugins import how_to_install


def installed_torch() -> Any:
    """The module `torch`.

    Raises  UsageError when PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            f"PyTorch is not installed: {how_to_install('torch')}. --backend torch, lockstep and .pt files need it"
        ) from error
    return torch


def torch_attribute(name: str) -> Any:
    """What a dotted name such as "torch.optim.Adam" stands for.

    Raises  UsageError when PyTorch is not installed, or this version of it has nothing of the name.
    """
    torch = installed_torch()
    home, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(home), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"PyTorch {torch.__version__} has no {name}: {how_to_install('torch')}") from error


def device_named(name: str) -> Any:
    """The torch.device of "cpu", "cuda", or "auto": the graphics card where there is one.

    Raises  UsageError when it has none of that kind.
    """
    torch = installed_torch()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"device cuda: PyTorch {torch.__version__} finds no CUDA device here. Use --device cpu, or auto (--device)"
        )
    return torch.device(name)
