"""An activation and an optimizer written here, put into the registries, and used by name from the command line."""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.commands import TINY, call

from handgrad.data import load
from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.nn import ACTIVATIONS
from handgrad.nn.layer import Activation
from handgrad.optim import OPTIMIZERS, Optimizer
from handgrad.runs import open_run
from handgrad.training import load_model, save_model


@fast_kernel
def square_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = scale x |x|, a curve that no activation of the package has."""
    for i in range(x.size):
        y[i] = settings[0] * x[i] * np.abs(x[i])


@fast_kernel
def square_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = 2 scale |x| dy."""
    for i in range(dx.size):
        dx[i] = 2 * settings[0] * np.abs(x[i]) * dy[i]


@dataclass(frozen=True)
class SignedSquare(Activation):
    """The square with the sign of its argument."""

    kernels = square_forward, square_backward
    rule = "Y = scale * X * abs(X)", "dX = dY * d(Y, X) = 2 * scale * dY * abs(X)"

    scale: float = bounded(0.5, "(0, inf)")


@strict_kernel
def tiger_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """coefficients (learning_rate, beta1, beta2, kappa)."""
    coefficients[0] = learning_rate
    for i in range(hyper.size):
        coefficients[i + 1] = hyper[i]


@fast_kernel
def tiger_update(w, dw, m, _, __, coefficients):
    """w = w - learning_rate (sign(c) + kappa c), c = beta1 m + (1 - beta1) dw;  m = beta2 m + (1 - beta2) dw."""
    learning_rate, beta1, beta2, kappa = coefficients[:4]
    for i in range(w.size):
        c = beta1 * m[i] + (1 - beta1) * dw[i]
        w[i] -= learning_rate * (np.sign(c) + kappa * c)
        m[i] = beta2 * m[i] + (1 - beta2) * dw[i]


@dataclass(frozen=True)
class Tiger(Optimizer):
    """Steps of almost one length, along the signs of an interpolated momentum."""

    prepare, update, vectors = tiger_prepare, tiger_update, 1
    rule = (
        "c = beta1 * m + (1 - beta1) * g;  w = w - learning_rate * (sign(c) + kappa * c)\n"
        "m = beta2 * m + (1 - beta2) * g"
    )
    reference = "Chen et al., Symbolic discovery of optimization algorithms (2023), with a slope of its own"
    differences = "Nowhere."

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.99, "[0, 1)")
    kappa: float = bounded(0.0, "[0, inf)")


@pytest.fixture(autouse=True)
def _registered(monkeypatch, here):
    monkeypatch.setitem(OPTIMIZERS, "tiger", Tiger)
    monkeypatch.setitem(ACTIVATIONS, "signed_square", SignedSquare)


def train(capsys, more):
    words = TINY.replace("--optimizer adam", "").replace("--epochs 2", "--epochs 5")
    return call(capsys, f"{words} --activation Signed-Square --optimizer tiger {more} --runs_dir . --name new")


def test_trained_saved_loaded_resumed_and_evaluated(here, capsys):
    assert train(capsys, "--optimizer_options kappa=0.5 --beta1 0.8").code == 0
    run, digits = open_run(here / "new"), load("digits")
    assert run.config.optimizer_options == {"kappa": 0.5}
    assert "--activation signed_square" in run.facts["command"]
    assert "--optimizer tiger" in run.facts["command"]
    assert run.metrics["test"]["accuracy"] > 0.8
    network = run.load_model()
    assert SignedSquare() in network.layers
    save_model(network, here / "copy.safetensors")
    copy = load_model(here / "copy.safetensors")
    assert np.array_equal(copy.predict_proba(digits.x_test), network.predict_proba(digits.x_test))
    assert f"accuracy {100 * run.metrics['test']['accuracy']:.2f} %" in call(capsys, "evaluate new").out
    model = run.model_file.read_bytes()
    for path in (run.metrics_file, run.model_file):
        path.unlink()
    assert call(capsys, "resume new").code == 0
    assert run.model_file.read_bytes() == model


def test_its_hyper_parameter_matters_and_is_checked(here, capsys):
    answer = train(capsys, "--optimizer_options kappa=-1")
    assert answer.code == 2
    assert answer.err == (
        "handgrad: error: optimizer tiger: kappa must be zero or positive, got -1.0 (--optimizer_options kappa=...)\n"
    )
    models = set()
    for kappa in (0, 9):
        assert train(capsys, f"--optimizer_options kappa={kappa} --seed 1").code == 0
        models.add(open_run(here / "new").model_file.read_bytes())
        (here / "new").rename(here / f"kappa-{kappa}")
    assert len(models) == 2


def test_its_gradient_and_its_rule(capsys):
    answer = call(capsys, "gradcheck --dataset digits --activation signed_square -nhl 2 -sz 8 --no_batch_norm")
    assert answer.code == 0
    assert answer.out.rstrip().endswith("passed")
    out = call(capsys, "info --optimizer tiger").out
    for part in (Tiger.rule, Tiger.reference, "differences: Nowhere.", "kappa 0", "Steps of almost one length"):
        assert " ".join(part.split()) in " ".join(out.split())


def test_its_own_equations(capsys):
    words = "--dataset digits --activation signed_square -nhl 1 -sz 8 --no_batch_norm --dropout 0 --optimizer tiger"
    answer = call(capsys, f"derive {words} --optimizer_options kappa=0.5")
    assert answer.code == 0
    assert "= 2 scale ∂L/∂A⁽¹⁾ ⊙ |Z⁽¹⁾|" in answer.out
    assert "with scale = 0.5" in answer.out
    assert "wₜ = wₜ₋₁ − ηₜ (sign(cₜ) + kappa cₜ)" in answer.out


@pytest.mark.slow
def test_as_one_of_a_list_of_layers(here, capsys):
    words = "train --dataset digits --layers dense:12 signed_square:0.25 -e 1 --runs_dir . --name listed -o tiger"
    assert call(capsys, words).code == 0
    assert SignedSquare(0.25) in open_run(here / "listed").load_model().layers


def test_who_does_not_know_the_layer_is_told(here, capsys, monkeypatch):
    assert train(capsys, "").code == 0
    monkeypatch.delitem(ACTIVATIONS, "signed_square")
    answer = call(capsys, "evaluate new")
    assert answer.code == 2
    assert "signed_square" in answer.err
    answer = call(capsys, "resume new")
    assert answer.code in (0, 2)
