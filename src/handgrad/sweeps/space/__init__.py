"""The distributions of W&B's sweep configuration, by the names that it gives them."""

from handgrad.sweeps.space.bell import Beta, LogNormal, Normal, QBeta, QLogNormal, QNormal
from handgrad.sweeps.space.choices import Categorical, Constant
from handgrad.sweeps.space.distribution import Axis, Distribution
from handgrad.sweeps.space.interval import IntUniform, QUniform, Uniform
from handgrad.sweeps.space.logarithmic import (
    InvLogUniform,
    InvLogUniformValues,
    LogUniform,
    LogUniformValues,
    QLogUniform,
    QLogUniformValues,
)

DISTRIBUTIONS: dict[str, type[Distribution]] = {
    "constant": Constant,
    "categorical": Categorical,
    "int_uniform": IntUniform,
    "uniform": Uniform,
    "q_uniform": QUniform,
    "log_uniform": LogUniform,
    "log_uniform_values": LogUniformValues,
    "q_log_uniform": QLogUniform,
    "q_log_uniform_values": QLogUniformValues,
    "inv_log_uniform": InvLogUniform,
    "inv_log_uniform_values": InvLogUniformValues,
    "normal": Normal,
    "q_normal": QNormal,
    "log_normal": LogNormal,
    "q_log_normal": QLogNormal,
    "beta": Beta,
    "q_beta": QBeta,
}


def name_of(distribution: Distribution) -> str:
    """W&B's name of a distribution."""
    return next(name for name, kind in DISTRIBUTIONS.items() if kind is type(distribution))
