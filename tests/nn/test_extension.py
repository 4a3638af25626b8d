"""A new optimizer and two new layers, written here and put into the registries: nothing in the package knows them."""

from dataclasses import dataclass
from math import prod

import numpy as np
import pytest
from tests.ingredients import nn, optim
from tests.kernels.bound import BoundLayer
from tests.nn.passes import wrong_gradients
from tests.optim.paths import STEP, small_network, valley, walk
from tests.rounding import gamma

from handgrad.derivation import Learning, derive, to_text
from handgrad.equations import Statement
from handgrad.errors import UsageError, bounded
from handgrad.kernels import driver
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.kernels.elementary import sigmoid, tanh
from handgrad.kernels.gradients import NO_UNITS
from handgrad.nn import ACTIVATIONS, LAYERS, Network, Normal, Parameter, Plan
from handgrad.nn.layer import Activation, Layer
from handgrad.optim import OPTIMIZERS, GradientTransforms, Optimizer


@strict_kernel
def tiger_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """coefficients (learning_rate, beta1, 1 - beta1, beta2, 1 - beta2)."""
    coefficients[0] = learning_rate
    coefficients[1], coefficients[2] = hyper[0], 1 - hyper[0]
    coefficients[3], coefficients[4] = hyper[1], 1 - hyper[1]


@fast_kernel
def tiger_update(w, dw, m, _, __, coefficients):
    """w = w - learning_rate sign(beta1 m + (1 - beta1) dw);  m = beta2 m + (1 - beta2) dw."""
    learning_rate, beta1, rest1, beta2, rest2 = coefficients[:5]
    for i in range(w.size):
        w[i] -= learning_rate * np.sign(beta1 * m[i] + rest1 * dw[i])
        m[i] = beta2 * m[i] + rest2 * dw[i]


@dataclass(frozen=True)
class Tiger(Optimizer):
    """Steps of one length, along the signs of an interpolated momentum."""

    prepare, update, vectors, decoupled = tiger_prepare, tiger_update, 1, True
    rule = "w = w - learning_rate * sign(beta1 * m + (1 - beta1) * g);  m = beta2 * m + (1 - beta2) * g"
    reference = "Chen et al., Symbolic discovery of optimization algorithms (2023), arXiv 2302.06675, algorithm 2"

    learning_rate: float = bounded(0.001, "(0, inf)")
    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.99, "[0, 1)")


@fast_kernel
def mish_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x tanh(log(1 + exp(x))); saved keeps the tanh."""
    for i in range(x.size):
        saved[i] = tanh(x.dtype.type(np.log1p(np.exp(x[i]))))
        y[i] = x[i] * saved[i]


@fast_kernel
def mish_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy (t + x (1 - t^2) s(x)), t the tanh, s the sigmoid."""
    one = x.dtype.type(1)
    for i in range(dx.size):
        dx[i] = dy[i] * (saved[i] + x[i] * (one - saved[i] * saved[i]) * sigmoid(x[i]))


@dataclass(frozen=True)
class Mish(Activation):
    """Misra (2019), arXiv 1908.08681."""

    kernels = mish_forward, mish_backward
    saves = True
    rule = (
        "S = tanh(log(1 + exp(X)));  Y = X * S",
        "dX = dY * d(Y, X) = dY * (S + X * (1 - S^2) / (1 + exp(-X)))",
    )


@fast_kernel
def prelu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x where x > 0, else slope x, with a slope for each feature."""
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else parameters[i % shape[0]] * x[i]


@fast_kernel
def prelu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dslope = sum over x <= 0 of dy x;  dx = dy where x > 0, else slope dy."""
    dparameters[:] = 0
    for i in range(dy.size):
        if x[i] <= 0:
            dparameters[i % shape[0]] += dy[i] * x[i]
    for i in range(dx.size):
        dx[i] = dy[i] if x[i] > 0 else parameters[i % shape[0]] * dy[i]


@dataclass(frozen=True)
class PReLU(Layer):
    """He et al., Delving deep into rectifiers (2015)."""

    def plan(self, shape):
        features = prod(shape)
        return Plan(shape, (prelu_forward, prelu_backward), (Parameter("slope", shape, Normal()),), sizes=(features,))

    def statement(self, shape):
        return Statement(
            "Y[n,j] = where(X[n,j] > 0, X[n,j], slope[j] * X[n,j])",
            """
                dslope[j] = sum(dY[n,j] * d(Y[n,j], slope[j]), n) = sum(dY[n,j] * X[n,j] * (X[n,j] <= 0), n)
                dX[n,j] = where(X[n,j] > 0, dY[n,j], slope[j] * dY[n,j])
            """,
        )


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(OPTIMIZERS, "tiger", Tiger)
    monkeypatch.setitem(ACTIVATIONS, "mish", Mish)
    monkeypatch.setitem(LAYERS, "slopes", PReLU)


def network(dtype="float64"):
    hidden = [nn.Dense(8), ACTIVATIONS["mish"](), nn.Dense(8), LAYERS["slopes"]()]
    return Network([*hidden, nn.Dense(3)], (4,), dtype=dtype, seed=1)


def easy_data(dtype):
    images = np.random.default_rng(0).normal(size=(60, 4)).astype(dtype)
    return images, (images[:, 0] > 0).astype(int) + (images[:, 1] > 0)


@pytest.mark.parametrize("training", [True, False])
def test_their_gradients(training):
    images, labels = easy_data("float64")
    found = wrong_gradients(network(), (images[:9], labels[:9]), training=training)
    assert not found, "; ".join(found.values())
    assert "3.slope" in network().views


def test_their_own_equations_are_printed_and_checked():
    images, labels = easy_data("float64")
    learning = Learning(OPTIMIZERS["tiger"](), GradientTransforms(weight_decay=0.01), optim.Constant(), 10, 100)
    derivation = derive(network(), (images[:9], labels[:9]), learning)
    assert derivation.failed == []
    text = to_text(derivation)
    for line in ("∂L/∂Z⁽²⁾", "S = tanh(ln(1 + exp(Z⁽¹⁾)))", "slope⁽²⁾[j]", "sign(β₁ mₜ₋₁ + (1 − β₁) gₜ)"):
        assert line in text.replace("δ⁽²⁾", "∂L/∂Z⁽²⁾")


@pytest.mark.slow
def test_they_train_and_the_driver_is_not_compiled_again():
    images, labels = easy_data("float32")

    def fit(net, optimizer):
        batches, records = net.batches(images, labels, np.tile(np.arange(60), 20), 10), np.zeros((120, 3))
        optimization = optimizer.bind(net, GradientTransforms(weight_decay=0.01))
        assert (
            driver.train_steps(net.program(10), optimization, batches, 0, 0, np.full(120, 0.01), 10, records, NO_UNITS)
            == 120
        )
        return records[:, 0]

    fit(Network([nn.Dense(3)], (4,), dtype="float32"), OPTIMIZERS["sgd"]())
    before = list(driver.train_steps.signatures), str(driver.train_steps.stats)
    losses = fit(network("float32"), OPTIMIZERS["tiger"]())
    assert losses[-12:].mean() < 0.4 * losses[:6].mean()
    assert (list(driver.train_steps.signatures), str(driver.train_steps.stats)) == before


def test_lion_by_hand():
    # From w = 1, m = 0 with beta1 = 0.5, beta2 = 0.75 and a rate of 0.1, for the gradients 2, -1, -1:
    # sign(0 + 1) = 1: w = 0.9, m = 0.5;  sign(0.25 - 0.5) = -1: w = 1.0, m = 0.375 - 0.25 = 0.125
    # sign(0.0625 - 0.5) = -1: w = 1.1, m = 0.09375 - 0.25 = -0.15625
    net, gradients = small_network(), [2.0, -1.0, -1.0]
    net.parameters[:] = 1
    state = walk(net, Tiger(0.1, 0.5, 0.75), lambda w, t: np.full_like(w, gradients[t - 1]), [0.1] * 3)
    np.testing.assert_allclose(net.parameters, 1.1, rtol=gamma(3 * STEP))
    assert (state.states == -0.15625).all()


def test_lion_keeps_what_every_optimizer_promises():
    still, moved = small_network(), small_network("float32")
    walk(still, Tiger(), lambda w, t: np.zeros_like(w), [0.1] * 3)
    assert np.array_equal(still.parameters, small_network().parameters)
    assert walk(moved, Tiger(), valley, [0.01] * 3).states.dtype == np.float32
    with pytest.raises(UsageError, match=r"beta1 must be in \[0, 1\), got 1.0 \(--beta1\)"):
        Tiger(beta1=1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_as_in_pytorch(dtype, torch):
    generator = np.random.default_rng(2)
    x, dy = generator.normal(size=(2, 6, 5)).astype(dtype)
    for layer, module in [(Mish(), torch.nn.Mish()), (PReLU(), torch.nn.PReLU(5))]:
        module, bound, moved = module.to(getattr(torch, dtype)), BoundLayer(layer, (5,), 6, dtype), torch.tensor(x)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.from_numpy(bound.parameters))
        out = module(moved.requires_grad_())
        out.backward(torch.from_numpy(dy))
        expected = {"y": out.detach().numpy(), "dx": moved.grad.numpy()}
        for parameter in module.parameters():
            expected["dslope"] = parameter.grad.numpy()
        bound.check(x, dy, expected)
