"""Weights as courses exchange them: what numpy reads of ours, what is read of theirs, and what is refused."""

import io
import os
import pickle
import time
import tracemalloc

import numpy as np
import pytest

from handgrad import nn
from handgrad.errors import CorruptDataError
from handgrad.nn import Network
from handgrad.training.models import load_weights, read_arrays, save_weights, settings_file
from handgrad.training.numpy_weights import dense_pairs, to_arrays


def plain():
    return [nn.Flatten(), nn.Dense(5), nn.ReLU(), nn.Dropout(0.2), nn.Dense(3)]


def normalised():
    return [nn.Flatten(), nn.Dense(5), nn.BatchNorm(), nn.ReLU(), nn.Dense(3)]


def network(layers=plain, seed=0):
    return Network(layers(), (2, 3), seed=seed)


def npy(content):
    """A .npy file of one object, with any bytes for its pickle."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    return stream.getvalue() + content


def of(thing):
    """As numpy.save writes an object."""
    return npy(pickle.dumps(np.array(thing, object), protocol=4))


def outputs_by_hand(weights, images):
    hidden = np.maximum(images.reshape(len(images), -1) @ weights["W0"] + weights["b0"], 0)
    return hidden @ weights["W1"] + weights["b1"]


def test_the_course_reads_ours(tmp_path):
    ours, path, images = network(), tmp_path / "best_model.npy", np.random.default_rng(0).random((4, 2, 3))
    save_weights(ours, path)
    weights = np.load(path, allow_pickle=True).item()
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == {"W0": (6, 5), "b0": (1, 5), "W1": (5, 3), "b1": (1, 3)}
    np.testing.assert_allclose(outputs_by_hand(weights, images), ours.logits(images), rtol=1e-5, atol=1e-6)
    save_weights(ours, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as plain:
        assert all(np.array_equal(plain[name], weights[name]) for name in weights)


def test_batch_normalisation_is_folded_in(tmp_path):
    ours, path, generator = network(normalised), tmp_path / "best_model.npy", np.random.default_rng(1)
    ours.parameters[:] = generator.random(ours.parameters.size)
    ours.buffers[:] = generator.random(ours.buffers.size)
    save_weights(ours, path)
    weights, images = np.load(path, allow_pickle=True).item(), generator.random((4, 2, 3))
    np.testing.assert_allclose(outputs_by_hand(weights, images), ours.logits(images), rtol=1e-4)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("layers", [plain, normalised], ids=["dense", "batch_norm"])
def test_read_back_to_the_last_bit(tmp_path, layers, suffix):
    ours, again, path = network(layers), network(layers, seed=7), tmp_path / f"w.{suffix}"
    ours.buffers[:] += 0.5
    save_weights(ours, path)
    load_weights(again, path)
    assert np.array_equal(again.parameters, ours.parameters)
    assert np.array_equal(again.buffers, ours.buffers)


def test_a_convolution_keeps_our_names(tmp_path):
    layers = [nn.Conv2D(2, 2), nn.Flatten(), nn.Dense(3)]
    ours, again = Network(layers, (4, 4)), Network(layers, (4, 4), seed=7)
    save_weights(ours, tmp_path / "w.npy")
    load_weights(again, tmp_path / "w.npy")
    assert np.array_equal(again.parameters, ours.parameters)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2"])
def test_theirs_are_read(tmp_path, dtype):
    weights = {"W0": np.asfortranarray(np.arange(30.0).reshape(6, 5)), "b0": np.ones(5)}
    weights |= {"W1": np.arange(15.0).reshape(5, 3), "b1": np.ones((1, 3))}
    (tmp_path / "w.npy").write_bytes(of({name: array.astype(dtype) for name, array in weights.items()}))
    assert {name: array.dtype for name, array in read_arrays(tmp_path / "w.npy").items()}["W0"] == np.dtype(dtype)
    ours = network()
    load_weights(ours, tmp_path / "w.npy")
    np.testing.assert_array_equal(ours.views["1.weight"], weights["W0"])
    np.testing.assert_array_equal(ours.views["4.bias"], [1, 1, 1])


class Calls:
    """Unpickled, it would call a function."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


RECONSTRUCT = np.array([]).__reduce__()[0]
HOSTILE = {
    "os.system": of({"W0": Calls(os.system, "touch pwned")}),
    "eval": of({"W0": Calls(eval, "1")}),
    "a function of numpy": of({"W0": Calls(np.fromfile, "/etc/passwd")}),
    "numpy.load": of({"W0": Calls(np.load, "x.npy", None, True)}),
    "getattr": of({"W0": Calls(getattr, "a", "upper")}),
    "not in an array": npy(pickle.dumps(Calls(os.system, "touch pwned"))),
    "an object in the dict": of({"W0": object()}),
    "objects in an array": of({"W0": np.array([{}, []], object)}),
    "a dict in a dict": of({"W0": np.array({"W0": np.ones(2)}, object)}),
    "numbers that are no arrays": of({"W0": 3, "b0": [1.0]}),
    "a list": npy(pickle.dumps(np.array([1, "a"], object))),
    "text": of({"W0": np.array(["a"])}),
    "a huge shape": of({"W0": Calls(RECONSTRUCT, np.ndarray, (10**12,), b"b")}),
    "a huge memo": npy(b"\x80\x04Nr\xff\xff\xff\x7f."),
    "huge bytes": npy(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."),
    "an extension": npy(b"\x80\x04\x82\x01."),
    "a persistent name": npy(b"\x80\x04Pname\n."),
    "an instance": npy(b"\x80\x04(ios\nsystem\n."),
    "operations without end": npy(b"\x80\x04" + b"N" * 200_000 + b"."),
    "nothing on the stack": npy(b"\x80\x04R."),
    "cut": of({"W0": np.ones(3)})[:-20],
    "a header alone": npy(b""),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.npy").write_bytes(content)
    begin = time.process_time()
    tracemalloc.start()
    with pytest.raises(CorruptDataError, match="holds no weights"):
        load_weights(network(), tmp_path / "w.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not (tmp_path / "pwned").exists()
    assert peak < 64e6
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"W0": np.ones((6, 5))}, "b0 is missing"),
        ({"W0": np.ones((6, 5)), "b0": np.ones(4)}, r"W0 has shape \(6, 5\)"),
        ({"W0": np.ones((6, 3)), "b0": np.ones(3)}, "it has 1 dense layers, expected 2"),
        ({"kernel": np.ones((6, 3))}, r"1.weight must have shape \(6, 5\) for this network, found nothing"),
    ],
)
def test_weights_of_another_network(tmp_path, weights, says):
    (tmp_path / "w.npy").write_bytes(of(weights))
    with pytest.raises(CorruptDataError, match=says):
        load_weights(network(), tmp_path / "w.npy")


@pytest.mark.parametrize(("name", "settings"), [("best_model.npy", "best_config.json"), ("w.npz", "w_config.json")])
def test_where_settings_stand(tmp_path, name, settings):
    assert settings_file(tmp_path / name) == tmp_path / settings


def test_weights_of_outputs_by_inputs_are_transposed_and_this_is_said(caplog):
    arrays = to_arrays(network())
    turned = {name: value.T for name, value in arrays.items()}
    for (weight, bias), (same, other) in zip(dense_pairs(turned), dense_pairs(arrays), strict=True):
        assert np.array_equal(weight, same)
        assert np.array_equal(bias, other)
    assert caplog.messages == ["its weights are (outputs, inputs), and are transposed"]


def test_lists_of_weights_are_no_arrays(tmp_path):
    np.save(tmp_path / "w.npy", {"weights": [np.ones((2, 3))], "b0": np.ones(3)})
    with pytest.raises(CorruptDataError, match=r"got what is no array: weights$"):
        read_arrays(tmp_path / "w.npy")
