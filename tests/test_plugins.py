"""A package with an entry point in `handgrad.plugins` is known to every command, in every process.

The package is a module and its metadata in a folder on the path, as pip leaves them.
"""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.commands import process

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parents[1] / "src"
MODULE = '''
from dataclasses import dataclass, replace

import numpy as np

from handgrad.errors import bounded
from handgrad.data.digits import DigitsSet
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.nn.layer import Activation
from handgrad.optim import Optimizer


@strict_kernel
def signum_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    coefficients[0], coefficients[1], coefficients[2] = learning_rate, hyper[0], 1 - hyper[0]


@fast_kernel
def signum_update(w, dw, m, _, __, coefficients):
    for i in range(w.size):
        m[i] = coefficients[1] * m[i] + coefficients[2] * dw[i]
        w[i] -= coefficients[0] * np.sign(m[i])


@dataclass(frozen=True)
class Signum(Optimizer):
    """The sign of the momentum."""

    prepare, update, vectors = signum_prepare, signum_update, 1
    rule = "m = momentum * m + (1 - momentum) * g;  w = w - learning_rate * sign(m)"
    reference = "Bernstein et al., signSGD, ICML 2018"
    differences = "In neither PyTorch nor Keras."
    aliases = ("signsgd",)

    learning_rate: float = bounded(0.002, "(0, inf)")
    momentum: float = bounded(0.8, "[0, 1)")


@fast_kernel
def square_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    for i in range(x.size):
        y[i] = x[i] * np.abs(x[i])


@fast_kernel
def square_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    for i in range(dx.size):
        dx[i] = 2 * np.abs(x[i]) * dy[i]


@dataclass(frozen=True)
class SignedSquare(Activation):
    """The square with the sign of its argument."""

    kernels = square_forward, square_backward


class FewDigits(DigitsSet):
    def load(self):
        whole = super().load()
        return replace(whole, name="few_digits", x_train=whole.x_train[:800], y_train=whole.y_train[:800])


FEW_DIGITS = FewDigits()
'''
WATCHING = '''
from handgrad.figures import FigureSpec
from handgrad.figures.architecture import architecture_data, plot_architecture
from handgrad.runs.trackers import Tracker


class Counter(Tracker):
    """Writes how many steps there were."""

    title = "Counter"
    package = "json"

    def log_results(self, step, results):
        (self.folder / "counted.txt").write_text(f"{step}")


NETWORK = FigureSpec("once more", architecture_data, plot_architecture)
'''
ENTRIES = """
optimizers.signum = signum_for_handgrad:Signum
activations.signed_square = signum_for_handgrad:SignedSquare
datasets.few_digits = signum_for_handgrad:FEW_DIGITS
trackers.counter = watching_for_handgrad:Counter
figures.network = watching_for_handgrad:NETWORK
"""
SMALL = "-d few_digits -nhl 1 -sz 8 --no_batch_norm --dropout 0 --schedule constant -a signed_square"


def install(folder, entries, **modules):
    """Put a package of some modules into a folder, with its metadata."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    metadata = folder / "for_handgrad-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: for_handgrad\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[handgrad.plugins]\n{entries}")


@pytest.fixture
def run(tmp_path):
    """Run a command where the package is installed, and require its success."""
    (tmp_path / "site").mkdir()
    install(tmp_path / "site", ENTRIES, signum_for_handgrad=MODULE, watching_for_handgrad=WATCHING)

    def done(words, code=0):
        answer = process(words, cwd=tmp_path, PYTHONPATH=f"{tmp_path / 'site'}:{SOURCE}")
        assert answer.code == code, answer.err
        assert "plugin" not in answer.err
        return answer.out

    return done


def test_trained_resumed_asked_and_explained(run, tmp_path):
    run(f"train {SMALL} -e 4 -o SignSGD --track counter --runs_dir . --name it --no_report")
    it = metrics_of(tmp_path / "it")
    assert it["config"]["optimizer"] == "signum"
    assert (tmp_path / "it" / "counted.txt").read_text() == str(it["steps"])
    model = (tmp_path / "it" / "model.safetensors").read_bytes()
    (tmp_path / "it" / "metrics.json").unlink()
    (tmp_path / "it" / "model.safetensors").unlink()
    run("resume it")
    assert (tmp_path / "it" / "model.safetensors").read_bytes() == model
    Image.new("L", (8, 8), 90).save(tmp_path / "image.png")
    assert "image.png" in run("predict it image.png")
    help_text = run("train --help all")
    assert "signum" in help_text
    assert "for momentum, nag or signum" in help_text
    assert "0.9; signum 0.8" in " ".join(help_text.split())
    assert "Bernstein" in run("info --optimizer signum")
    run("figures it --only network")
    assert list((tmp_path / "it" / "figures").glob("*network*.svg"))


def metrics_of(path):
    return json.loads((path / "metrics.json").read_text())


SWEEP = "method: grid\nparameters:\n  optimizer: {values: [signum, sgd]}\n"


def test_a_workers_process_knows_it(run, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    run(f"sweep sweep.yaml {SMALL} -e 1 --jobs 2 --no_report --name found")
    assert trained(tmp_path) == ["sgd", "signum"]


def test_rays_workers_know_it(run, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: make ray")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    run(f"sweep sweep.yaml {SMALL} -e 1 --jobs 1 --no_report --name found --ray local")
    assert trained(tmp_path) == ["sgd", "signum"]


def trained(folder):
    """The optimizers of the sweep's runs."""
    return sorted(metrics_of(path.parent)["config"]["optimizer"] for path in folder.rglob("metrics.json"))


def test_what_cannot_be_had_is_one_line_each(tmp_path):
    entries = "optimizers.gone = broken:Gone\noptimizers.adam = broken:Adam\nsignum = broken:Signum\n"
    install(tmp_path, entries, broken="import nothing_of_this_name\n")
    words = "train -d digits -nhl 1 -sz 8 --dry_run"
    answer = process(words, cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{SOURCE}")
    assert answer.code == 0, answer.err
    said = sorted(line.partition("the plugin ")[2] for line in answer.err.splitlines() if "plugin" in line)
    assert said[0] == "optimizers.adam (broken:Adam) is left out: handgrad has one of this name"
    assert said[1] == (
        "optimizers.gone (broken:Gone) is left out, for it cannot be imported: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    )
    assert said[2].startswith("signum (broken:Signum) is left out: its name must be such as optimizers.signum")
    assert len(said) == 3
