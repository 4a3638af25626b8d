"""The distributions of the initialisers on a matrix big enough to measure them."""

import math

import numpy as np
import pytest
from scipy import stats
from tests.optim.bounds import refusals
from tests.rounding import gamma

from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.nn import (
    INITIALIZERS,
    He,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)

FAN_IN, FAN_OUT = 300, 200
# Of the papers: Glorot & Bengio 2 / (in + out), He et al. 2 / in; an orthogonal column has length 1 over 300 rows
VARIANCES = {
    Normal(): 0.05**2,
    Normal(std=0.3): 0.09,
    XavierUniform(): 2 / 500,
    XavierNormal(): 2 / 500,
    He(): 2 / 300,
    HeUniform(): 2 / 300,
    LecunNormal(): 1 / 300,
    LecunUniform(): 1 / 300,
    Uniform(std=0.3): 0.09,
    Orthogonal(): 1 / 300,
    Zeros(): 0.0,
}
DISTRIBUTIONS = {
    Normal(std=0.3): stats.norm(0, 0.3),
    XavierUniform(): stats.uniform(-math.sqrt(6 / 500), 2 * math.sqrt(6 / 500)),
    XavierNormal(): stats.norm(0, math.sqrt(2 / 500)),
    He(): stats.norm(0, math.sqrt(2 / 300)),
    HeUniform(): stats.uniform(-math.sqrt(6 / 300), 2 * math.sqrt(6 / 300)),
    LecunNormal(): stats.norm(0, math.sqrt(1 / 300)),
    LecunUniform(): stats.uniform(-math.sqrt(3 / 300), 2 * math.sqrt(3 / 300)),
    Uniform(std=0.3): stats.uniform(-0.3 * math.sqrt(3), 0.6 * math.sqrt(3)),
}


def drawn(initializer, shape=(FAN_IN, FAN_OUT), seed=0):
    return initializer(np.random.default_rng(seed), shape, FAN_IN, FAN_OUT)


@pytest.mark.parametrize(("initializer", "variance"), VARIANCES.items(), ids=str)
def test_mean_and_variance(initializer, variance):
    values = drawn(initializer)
    # 60,000 numbers: a normal's sample variance scatters by sqrt(2 / 60000) = 0.6 % of it, its mean by sd / 245.
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) <= 5 * math.sqrt(variance) / 245


@pytest.mark.parametrize(("initializer", "distribution"), DISTRIBUTIONS.items(), ids=map(str, DISTRIBUTIONS))
def test_distribution(initializer, distribution):
    assert stats.kstest(drawn(initializer).ravel(), distribution.cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("initializer", "torch_name", "arguments"),
    [
        (XavierUniform(), "xavier_uniform_", {}),
        (HeUniform(), "kaiming_uniform_", {"nonlinearity": "relu"}),
        (LecunUniform(), "kaiming_uniform_", {"nonlinearity": "linear"}),
    ],
)
def test_bounds_as_pytorch_has_them(initializer, torch_name, arguments):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.init, torch_name)(torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64), **arguments)
    # The largest of 60,000 uniform numbers is within 1 / 3000 of the bound with a probability of 1 - e^-20.
    assert np.abs(drawn(initializer)).max() == pytest.approx(float(theirs.abs().max()), rel=1 / 1000)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *(("kaiming_uniform", "he_uniform"), ("He_uniform", "he_uniform"), ("HeUniform", "he_uniform")),
        *(("kaiming", "he"), ("he_normal", "he"), ("glorot", "xavier"), ("glorot_uniform", "xavier")),
        *(("GlorotNormal", "xavier_normal"), ("lecun", "lecun_normal"), ("random_uniform", "uniform")),
    ],
)
def test_names_of_the_field(written, name):
    assert RunConfig(weight_init=written).weight_init == name


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 20), (20, 3, 10)], ids=str)
def test_orthogonal(shape, gain):
    matrix = drawn(Orthogonal(gain), shape).reshape(shape[0], -1)
    rows, columns = matrix.shape
    product = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    # QR is orthogonal to gamma(rows columns) (Higham 2002, theorem 19.4); the product adds a sum of either.
    allowed = gain**2 * 2 * gamma(rows * columns + max(rows, columns))
    np.testing.assert_allclose(product, gain**2 * np.eye(min(rows, columns)), rtol=0, atol=allowed)


def test_orthogonal_prefers_no_sign():
    # QR alone gives a factor whose diagonal is mostly of one sign; uniform over all matrices, each is equally likely.
    corners = [drawn(Orthogonal(), (3, 3), seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(np.sign(corners))) < 5 / math.sqrt(400)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_contract(name):
    initializer = INITIALIZERS[name]()
    for shape in [(300, 200), (4, 1), (1, 4)]:
        values = drawn(initializer, shape)
        assert values.shape == shape
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
    assert np.array_equal(drawn(initializer, seed=3), drawn(initializer, seed=3))
    hash(initializer)


@pytest.mark.parametrize(("cls", "field", "bad"), refusals(INITIALIZERS.values()))
def test_out_of_range(cls, field, bad):
    with pytest.raises(UsageError, match=rf"^{field} must be .*, got {bad!r} \(--{field}\)$"):
        cls(**{field: bad})
