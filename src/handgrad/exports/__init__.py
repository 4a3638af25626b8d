"""Networks out to other programs, as files whose ending says which one."""

from collections.abc import Callable
from pathlib import Path

from handgrad.errors import UsageError
from handgrad.exports.keras_file import keras_model, keras_weights
from handgrad.exports.numpy_file import arrays_file, numpy_program
from handgrad.exports.onnx_file import description, onnx_content
from handgrad.files import atomic_write
from handgrad.nn import Network
from handgrad.torch_port import save_torch, source
from handgrad.training.models import save_weights
from handgrad.training.numpy_weights import names_in, write_arrays


def _onnx(network: Network, path: Path) -> str:
    atomic_write(path, onnx_content(network))
    return description(network) + _rounded(network)


def _keras(network: Network, path: Path) -> str:
    atomic_write(path, keras_model(network))
    height = ", with the channels last" if len(network.input_shape) == 3 else ""
    return (
        f"A model for Keras 3: keras.saving.load_model({path.name!r}). It takes images (batch, height, width{height}), "
        "pixels as in the data set, which its first layer normalises, and gives logits." + _rounded(network)
    )


def _keras_weights(network: Network, path: Path) -> str:
    atomic_write(path, keras_weights(network))
    return f"Weights for a model of the same layers in Keras 3: model.load_weights({path.name!r})." + _rounded(network)


def _numpy(network: Network, path: Path) -> str:
    text = numpy_program(network, path)
    atomic_write(arrays_file(path), write_arrays(network.views, ".npz"))
    atomic_write(path, text.encode())
    return f"Its arrays are in {arrays_file(path)}. Run it: python {path} images.npy"


def _arrays(network: Network, path: Path) -> str:
    save_weights(network, path)
    return f"It holds {names_in(network)}."


def _torch(network: Network, path: Path) -> str:
    save_torch(network, path)
    return source(network, str(path))


def _rounded(network: Network) -> str:
    return "" if network.dtype == "float32" else f" Its weights were {network.dtype}, and are rounded to float32."


FORMATS: dict[str, Callable[[Network, Path], str]] = {
    ".onnx": _onnx,
    ".keras": _keras,
    ".weights.h5": _keras_weights,
    ".py": _numpy,
    ".safetensors": _torch,
    ".pt": _torch,
    ".pth": _torch,
    ".npz": _arrays,
    ".npy": _arrays,
}


def export(network: Network, path: str | Path) -> str:
    """Write a network for the program that the ending of `path` names; what it says is for whoever reads the file.

    Raises  UsageError for another ending, a package that is missing, or a layer that has no form there;
            FileSystemError.
    """
    for ending, write in FORMATS.items():
        if Path(path).name.endswith(ending):
            return write(network, Path(path))
    raise UsageError(f"a network is exported to a file ending in {', '.join(FORMATS)}, got {path}")
