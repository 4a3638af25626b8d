"""Networks out to PyTorch and back in: as modules, as state_dicts, as files."""

import io
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors import numpy as tensors_as_bytes

from handgrad.data.places import read_file
from handgrad.errors import CorruptDataError, UsageError
from handgrad.files import LARGEST_BYTES, atomic_write
from handgrad.nn import Network, Scaling
from handgrad.torch_mapping import STEP, TorchModule
from handgrad.torch_port.port import from_state, installed_torch, modules_of, sequential, to_state
from handgrad.training import models

PICKLES = (".pt", ".pth", ".ckpt", ".bin")


def to_torch(network: Network) -> Any:
    """A copy of the network as an nn.Sequential of PyTorch's own modules, in evaluation mode; handgrad is not needed.

    Shapes  (N, *input_shape) -> (N, K) logits. Pixels of uint8 are to be scaled before: scale * pixel + shift, as
            network.scaling says; see `source`
    """
    model = sequential(network)
    model.load_state_dict(to_state_dict(network))
    return model.eval()


def to_state_dict(network: Network) -> dict[str, Any]:
    """The state_dict of `to_torch`: copies, under PyTorch's names and in its layouts."""
    torch = installed_torch()
    return {key: torch.from_numpy(array) for key, array in to_state(network).items()}


def load_state_dict(network: Network, state: Mapping[str, Any]) -> None:
    """Give the network the weights of a state_dict, as `to_state_dict` makes it.  Raises  CorruptDataError."""
    from_state(network, {key: np.asarray(tensor.detach().cpu()) for key, tensor in state.items()})


def save_torch(network: Network, path: Path) -> None:
    """Write the weights for PyTorch in the format that the name of `path` ends with.

    .safetensors: the arrays of a state_dict; others: what torch.save makes of it.

    Raises  UsageError for others without PyTorch; FileSystemError.
    """
    if path.suffix == ".safetensors":
        return atomic_write(path, tensors_as_bytes.save(to_state(network), {"format": "pt"}))
    content = io.BytesIO()
    installed_torch().save(to_state_dict(network), content)
    return atomic_write(path, content.getvalue())


def load_weights(network: Network, path: Path) -> None:
    """Give the network the weights in a file: one of ours, or a .safetensors file of a PyTorch state_dict.

    Raises  UsageError for another ending, also PyTorch's own, which can hold code; FileSystemError; CorruptDataError.
    """
    if path.suffix in PICKLES:
        raise UsageError(
            f"{path} can hold code, so it is not read. Convert it where it comes from: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') (--model_path)"
        )
    if path.suffix == ".safetensors":
        content = read_file(path, LARGEST_BYTES)
        if not _is_ours(content):
            return from_state(network, _tensors(content, path), str(path))
    return models.load_weights(network, path)


def _is_ours(content: bytes) -> bool:
    """Whether handgrad wrote it; a file without a header is left to the reader, whose error says what is wrong."""
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return "handgrad" in header.get("__metadata__", {})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return True


def _tensors(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return dict(tensors_as_bytes.load(content))
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise CorruptDataError(f"{path} holds no weights: {' '.join(str(error).split())}") from error


def source(network: Network, file: str) -> str:
    """The lines of Python that build the network in PyTorch alone and load `file`, made by `save_torch`."""
    rows = [f'    ("{name}", {_call(module)}),' for name, _, module in modules_of(network)]
    double = [] if network.dtype == "float32" else ["model.double()"]
    a, b = (repr(n) if isinstance(n, float) else f"torch.tensor({n}).view(-1, 1, 1)" for n in network.scaling)
    scaling = "x = images / 255" if network.scaling == Scaling() else f"x = {a} * images + {b}"
    home = files("handgrad.torch_port") / "paths.py"  # read, not imported: it imports PyTorch
    paths = home.read_text(encoding="utf-8") if network.graph.branches else ""
    graph = paths.partition('"""\n')[2].strip().splitlines()  # without what the file says of itself
    shape = ", ".join(map(str, (1, *network.input_shape)))
    loaders = {".safetensors": ("from safetensors.torch import load_file", f'load_file("{file}")')}
    imported, loaded = loaders.get(Path(file).suffix, ("", f'torch.load("{file}", weights_only=True)'))
    return "\n".join(
        [
            "from collections import OrderedDict",
            "import torch",
            "from torch import nn",
            *([imported] if imported else []),
            "",
            *([*graph, "", ""] if graph else []),
            f"model = {'Graph' if graph else 'nn.Sequential'}(OrderedDict([",
            *rows,
            "]))",
            *double,
            f"model.load_state_dict({loaded})",
            "model.eval()",
            f"images = torch.zeros({shape}, dtype=torch.{network.dtype})  # yours: pixels from 0 to 255",
            scaling,
            "logits = model(x)",
        ]
    )


def _call(module: TorchModule) -> str:
    name = module.name.removeprefix("torch.") if module.name.startswith("torch.nn.") else module.name
    own = name.rpartition(".")[2]
    if module.name == STEP:
        return f"Step({module.arguments['step']!r})"
    arguments = ", ".join(f"{name}={value!r}" for name, value in module.arguments.items())
    if own.islower():  # a function
        call = f"{name}({', '.join(filter(None, ('x', arguments)))})"
        return f'type("{own.capitalize()}", (nn.Module,), {{"forward": lambda self, x: {call}}})()'
    return f"{name}({arguments})"
