"""Weights out and in: bit for bit through state_dicts and files, and read by PyTorch alone."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.commands import TINY, call
from tests.ingredients import nn
from tests.nn import passes
from tests.rounding import assert_close
from tests.torch_port.test_ported_layers import NETWORKS, filled

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, UsageError
from handgrad.exports import export
from handgrad.nn import Network, Scaling
from handgrad.plugins import how_to_install
from handgrad.runs import open_run
from handgrad.torch_port import load_state_dict, load_weights, save_torch, source, to_state_dict, to_torch
from handgrad.torch_port.port import to_state
from handgrad.training import save_model

SHORT = "train --dataset digits --num_layers 1 --hidden_size 16 --no_batch_norm --dropout 0 --batch_size 16 -lr 0.01"
LAYERS = [nn.Flatten(), nn.Dense(7), nn.BatchNorm(), nn.ReLU(), nn.Dense(4)]


def empty_like(network):
    return Network(network.layers, network.input_shape, dtype=network.dtype, seed=99)


def same(one, other):
    return one.parameters.tobytes() == other.parameters.tobytes() and one.buffers.tobytes() == other.buffers.tobytes()


@pytest.mark.parametrize(("shape", "layers"), NETWORKS.values(), ids=NETWORKS.keys())
def test_there_and_back(shape, layers, torch):
    network = filled(layers, shape)
    other = empty_like(network)
    assert not same(other, network)
    load_state_dict(other, to_state_dict(network))
    assert same(other, network)
    load_state_dict(other, to_torch(network).state_dict())
    assert same(other, network)


def test_names_and_layouts(torch):
    """A dense layer's weights are (outputs, inputs) there; batch normalisation's have other names."""
    network = filled(LAYERS, (3, 2))
    state = to_state_dict(network)
    assert list(state) == list(to_torch(network).state_dict())
    assert state["1.weight"].shape == (7, 6)
    np.testing.assert_array_equal(state["1.weight"].T, network.views["1.weight"])
    np.testing.assert_array_equal(state["2.weight"], network.views["2.gamma"])
    np.testing.assert_array_equal(state["2.running_var"], network.views["2.running_variance"])


def test_a_copy_is_a_copy(torch):
    network = filled(LAYERS, (3, 2))
    before = network.parameters.copy()
    with torch.no_grad():
        for parameter in to_torch(network).parameters():
            parameter.zero_()
    for tensor in to_state_dict(network).values():
        tensor.zero_()
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_files_come_back(suffix, tmp_path, monkeypatch):
    """Without PyTorch: only its own .pt needs it."""
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    network, path = filled(LAYERS, (3, 2)), tmp_path / f"weights{suffix}"
    export(network, path)
    other = empty_like(network)
    load_weights(other, path)
    assert same(other, network)


def test_a_model_of_ours_still_comes_in(tmp_path):
    network, path = filled(LAYERS, (3, 2)), tmp_path / "model.safetensors"
    save_model(network, path)
    other = empty_like(network)
    load_weights(other, path)
    assert same(other, network)


def program(network, images, path):
    """The printed lines, with images put where they say, and the logits written to a file."""
    save_torch(network, path)
    np.save(path.with_name("images.npy"), images)
    lines = source(network, str(path)).splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("images = "))
    lines[place] = f'import numpy; images = torch.from_numpy(numpy.load("{path.with_name("images.npy")}")).float()'
    return "\n".join([*lines, f'numpy.save("{path.with_name("logits.npy")}", logits.detach().numpy())'])


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("alone", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["here", "alone"])
def test_the_printed_lines_give_our_logits(alone, suffix, colour, torch, tmp_path):
    """For pixels, in PyTorch's own words; alone: in a process that never heard of handgrad."""
    shape = (3, 8, 7) if colour else (8, 7)
    scaling = Scaling((0.02, 0.01, 0.03), (-0.5, 0.25, 0.0)) if colour else Scaling(0.02, -0.5)
    network = Network(NETWORKS["even kernels"][1], shape, seed=3, scaling=scaling)
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), dtype=np.uint8)
    text = program(network, images, tmp_path / f"weights{suffix}")
    assert "handgrad" not in text.replace(str(tmp_path), "")
    if alone:
        subprocess.run([sys.executable, "-I", "-c", text], check=True, timeout=120)
    else:
        exec(text, {})
    factor, added = (np.reshape(each, (-1, 1, 1)) for each in scaling)
    pixels = images * factor + added
    allowed = passes.rounding(network, pixels, np.zeros(3, int))["logits"]
    assert_close(np.load(tmp_path / "logits.npy"), network.logits(images), allowed, "logits")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
def test_pickles_stay_closed(suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"whatever")
    with pytest.raises(UsageError, match=r"can hold code, so it is not read\. Convert it.*save_file"):
        load_weights(filled(LAYERS, (3, 2)), path)


def wrong(state, **changes):
    changed = {**state, **{name.replace("_", ".", 1): array for name, array in changes.items()}}
    return {name: array for name, array in changed.items() if array is not None}


BROKEN = {
    "missing": ({"1_weight": None}, r"1\.weight must have shape \(7, 6\) for this network, found nothing"),
    "shape": ({"1_weight": np.zeros((6, 7))}, r"1\.weight must have shape \(7, 6\) .* found shape \(6, 7\)"),
    "unknown": ({"9_weight": np.zeros(3)}, r"9\.weight is no part of this network"),
    "not finite": ({"4_bias": np.full(4, np.nan)}, r"4\.bias must hold finite numbers"),
}


@pytest.mark.parametrize(("changes", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_does_not_fit(changes, message, tmp_path):
    """Nothing of it is taken over."""
    network, path = filled(LAYERS, (3, 2)), tmp_path / "weights.safetensors"
    before = network.parameters.copy()
    save_file(wrong(to_state(network), **changes), path)
    with pytest.raises(CorruptDataError, match=message):
        load_weights(network, path)
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\x02" + b"\x00" * 7 + b"{}", b"\xff" * 40])
def test_a_torn_file(content, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"weights\.safetensors"):
        load_weights(filled(LAYERS, (3, 2)), path)


@pytest.mark.slow
def test_commands(capsys, tmp_path, torch):
    """Out by one command, in by the other; the training goes on where the weights were."""
    assert call(capsys, f"{SHORT} --epochs 3", "--runs_dir", tmp_path, "--name", "first").code == 0
    answer = call(capsys, "export", tmp_path / "first", tmp_path / "weights.safetensors")
    assert answer.code == 0
    assert "nn.Linear(in_features=64, out_features=16)" in answer.out
    words = f"{SHORT} --epochs 1", "--runs_dir", tmp_path, "--model_path", tmp_path / "weights.safetensors"
    assert call(capsys, *words, "--name", "second").code == 0
    first, second = (open_run(tmp_path / name).read_history().losses for name in ("first", "second"))
    assert second[0] < 0.7 * first[0]
    assert (
        call(capsys, "export", tmp_path / "first", tmp_path / "weights.npz").out == "It holds a dict W0, b0, W1, ….\n"
    )


def test_without_pytorch(capsys, monkeypatch, tmp_path):
    """One line that says how to install it; what does not need it goes on working."""
    monkeypatch.setitem(sys.modules, "torch", None)
    for words in (f"{TINY} --backend torch", "lockstep --dataset digits --steps 1"):
        answer = call(capsys, words, *([] if "lockstep" in words else ["--runs_dir", tmp_path]))
        assert answer.code == 2
        assert answer.err == (
            f"handgrad: error: PyTorch is not installed: {how_to_install('torch')}. "
            "--backend torch, lockstep and .pt files need it\n"
        )
    assert not list(tmp_path.iterdir())


ERRORS = {
    "no card": ("--backend torch --device cuda", "finds no CUDA device here. Use --device cpu, or auto (--device)"),
    "by hand": ("--device cuda", "device cuda needs PyTorch"),
    "eve": ("--backend torch --optimizer eve", "PyTorch has no optimizer eve"),
    "unknown": ("--backend tensorflow", "backend must be one of handgrad, torch, got 'tensorflow'"),
    "device": ("--backend torch --device tpu", "device must be one of cpu, cuda, auto, got 'tpu'"),
}


@pytest.mark.parametrize(("words", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_refusals(words, message, capsys, tmp_path, torch):
    if "finds no" in message and torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    answer = call(capsys, f"{SHORT} {words}", "--runs_dir", tmp_path)
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_spellings():
    config = RunConfig.from_mapping({"engine": "PyTorch", "device": "GPU"})
    assert (config.backend, config.device) == ("torch", "cuda")
    assert config.command() == "handgrad train --backend torch --device cuda"
    assert config.auto_name().endswith("_torch_cuda_s_0")
