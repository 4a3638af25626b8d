"""Networks out to ONNX and to NumPy alone: every layer of the registry, and what has no form there."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.commands import call
from tests.exports.written import cases, made
from tests.ingredients import nn

from handgrad.errors import UsageError
from handgrad.exports import FORMATS, export
from handgrad.exports.onnx_file import OPSET, onnx_content
from handgrad.nn import Network, ReLU
from handgrad.nn.layer import Layer, Plan
from handgrad.plugins import is_installed
from handgrad.torch_mapping import TorchModule

LARGEST = 1e-5  # difference of a probability, or of a logit of up to 10
LAYERS = [nn.Flatten(), nn.Dense(7), nn.ReLU(), nn.Dense(4)]


@pytest.fixture
def runtime():
    pytest.importorskip("onnx", reason="onnx is not installed: make onnx")
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: make onnx")


def from_onnx(runtime, content, images):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(content, options).run(None, {"images": images.astype(np.float32)})


def program(path):
    """What a program defines."""
    names = {"__file__": str(path), "__name__": "program"}
    exec(path.read_text(), names)
    return names


def agree(name, network, images, logits, probabilities):
    ours = network.logits(images)
    np.testing.assert_allclose(logits, ours, rtol=0, atol=LARGEST, err_msg=name)
    np.testing.assert_allclose(probabilities, network.predict_proba(images), rtol=0, atol=LARGEST)
    np.testing.assert_array_equal(logits.argmax(1), ours.argmax(1))


@pytest.mark.slow
def test_every_layer_in_onnx(runtime):
    for name, shape, layers in cases():
        network, images = made(shape, layers, images=10_000)
        agree(name, network, images, *from_onnx(runtime, onnx_content(network), images))


@pytest.mark.slow
def test_every_layer_in_numpy(tmp_path):
    for name, shape, layers in cases():
        network, images = made(shape, layers)
        export(network, tmp_path / "model.py")
        names = program(tmp_path / "model.py")
        agree(name, network, images, names["logits"](images), names["probabilities"](images))
        assert names["predict"](images) == [network.class_names[k] for k in network.logits(images).argmax(1)]


def test_onnx_says_what_it_is(runtime):
    import onnx

    network, images = made((3, 9, 8), [nn.Conv2D(3, 3), nn.Dense(4)])
    model = onnx.load_from_string(onnx_content(network))
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
    assert "(0.02, 0.01, 0.03) * pixel + (-0.5, 0.25, 0.0)" in model.doc_string
    assert {each.key: each.value for each in model.metadata_props} == {
        "class_names": '["zero", "one", "it\'s two", "3"]'
    }
    session = runtime.InferenceSession(model.SerializeToString())
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("images", ["batch", 3, 9, 8])]
    for rows in (1, 7):
        assert session.run(None, {"images": images[:rows].astype(np.float32)})[1].shape == (rows, 4)


def test_float64_is_rounded_and_said(runtime, tmp_path):
    network, images = made((6, 5), LAYERS, dtype="float64")
    assert export(network, tmp_path / "w.onnx").endswith("Its weights were float64, and are rounded to float32.")
    agree("float64", network, images, *from_onnx(runtime, (tmp_path / "w.onnx").read_bytes(), images))
    export(network, tmp_path / "w.py")
    logits = program(tmp_path / "w.py")["logits"](images)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, network.logits(images), rtol=1e-12)


def test_a_program_is_a_screen_and_needs_numpy_alone(tmp_path):
    network, images = made((6, 5), LAYERS)
    assert "python" in export(network, tmp_path / "model.py")
    text = (tmp_path / "model.py").read_text()
    assert len(text.splitlines()) <= 40
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {"sys", "pathlib", "numpy"}
    np.save(tmp_path / "images.npy", images)
    line = [sys.executable, "-I", tmp_path / "model.py", tmp_path / "images.npy"]
    printed = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert printed == [network.class_names[k] for k in network.logits(images).argmax(1)]


@dataclass(frozen=True)
class Squared(Layer):
    """Names a module of PyTorch's that the table does not have, or one with an argument that it does not know."""

    module: str = "torch.square"
    argument: str = ""

    def plan(self, shape):
        return Plan(shape, ReLU.kernels, layout=None)

    def torch_modules(self, shape):
        return [TorchModule(self.module, {self.argument: True} if self.argument else {})]


@pytest.mark.parametrize("ending", [".onnx", ".py", ".keras", ".weights.h5"])
def test_what_has_no_form(ending, tmp_path):
    """One line, and no file."""
    pytest.importorskip({".onnx": "onnx", ".py": "numpy"}.get(ending, "h5py"))
    program_ = {".onnx": "onnx", ".py": "numpy"}.get(ending, "keras")
    network = Network([nn.Dense(3), Squared(), nn.Dense(4)], (6,))
    line = f"layer 1, Squared, cannot be exported: handgrad knows no torch.square for {program_}"
    with pytest.raises(UsageError, match=f"^{re.escape(line)}$"):
        export(network, tmp_path / f"w{ending}")
    network = Network([nn.Dense(3), Squared("torch.nn.ReLU", "inplace"), nn.Dense(4)], (6,))
    with pytest.raises(UsageError, match=r"layer 1, Squared, cannot be exported: torch\.nn\.ReLU with inplace=True$"):
        export(network, tmp_path / f"w{ending}")
    assert not list(tmp_path.iterdir())


def test_another_ending(tmp_path):
    with pytest.raises(UsageError, match=r"exported to a file ending in \.onnx, \.keras, .*, got .*w\.h5$"):
        export(made((6, 5), LAYERS)[0], tmp_path / "w.h5")


@pytest.mark.parametrize(("package", "ending"), [("onnx", ".onnx"), ("h5py", ".keras")])
def test_a_package_that_is_missing(package, ending, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=f"^{package} is not installed: (`make|python -m pip install)"):
        export(made((6, 5), LAYERS)[0], tmp_path / f"w{ending}")


def test_the_page_and_its_commands(capsys, finished_run, tmp_path, monkeypatch):
    """Of docs/export.md: every ending, and every line that exports."""
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    assert set(re.findall(r"`(\.[a-z0-9.]+)`", "".join(re.findall(r"^\| `.*?\|", text, re.MULTILINE)))) == set(FORMATS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(finished_run)
    for line in re.findall(r"^handgrad (export .*)$", text, re.MULTILINE):
        if (package := {".onnx": "onnx", ".keras": "h5py"}.get(Path(line).suffix, "numpy")) and not is_installed(
            package
        ):
            continue
        answer = call(capsys, line)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.strip()
        assert Path(line.split()[-1]).exists()


def test_mistakes_of_the_command(capsys, finished_run, tmp_path):
    answer = call(capsys, "export", finished_run, tmp_path / "model.tflite")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert all(ending in answer.err for ending in FORMATS)
