"""Initialisers: the distribution that a layer's weights start from."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import Bounded, bounded

Array = NDArray[Any]


class Initializer(Bounded, ABC):
    """A frozen dataclass; called with the generator to draw from, it returns a float64 array.

    `aliases` are other names for it.
    """

    aliases: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Draw an array of `shape` for a layer with `fan_in` inputs and `fan_out` outputs a unit."""


@dataclass(frozen=True)
class Filled(Initializer):
    """One number everywhere."""

    value: ClassVar[float]

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """`value` in the whole of `shape`."""
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Zeros(Filled):
    """All zero: for biases. As weights of hidden layers it leaves every unit alike for ever."""

    value = 0.0
    aliases = "zero", "zero_init"


@dataclass(frozen=True)
class Ones(Filled):
    """All one: the gamma of batch normalisation."""

    value = 1.0


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, std^2), whatever the layer's size: "random" in the course reports."""

    aliases = "random_normal", "normal", "gaussian", "rand", "random_init"

    std: float = bounded(0.05, "(0, inf)")

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal numbers of standard deviation `std`."""
        return generator.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """U(-a, a) of standard deviation `std`, so a = sqrt(3) std, whatever the layer's size; Keras has a = 0.05."""

    aliases = "random_uniform", "rand_uniform", "uniform_random"

    std: float = bounded(0.05, "(0, inf)")

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Uniform numbers of standard deviation `std`."""
        limit = math.sqrt(3.0) * self.std
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Of mean 0 and variance `scale` / fan: N(0, scale / fan), or `uniform` on (-a, a) with a = sqrt(3 scale / fan).

    The fan is fan_in, or fan_in + fan_out where it is `both`.
    """

    scale: ClassVar[float]
    uniform: ClassVar[bool] = False
    both: ClassVar[bool] = False

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Numbers of that variance."""
        fan = fan_in + fan_out if self.both else fan_in
        if not self.uniform:
            return generator.normal(0.0, math.sqrt(self.scale / fan), shape)
        limit = math.sqrt(3 * self.scale / fan)
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class XavierUniform(VarianceScaling):
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).  Ref  Glorot & Bengio, AISTATS 2010, eq. 16."""

    scale, uniform, both = 2.0, True, True
    aliases = "glorot", "xavier_uniform", "glorot_uniform", "xavier_init", "xavier_glorot", "glorot_init"


@dataclass(frozen=True)
class XavierNormal(VarianceScaling):
    """N(0, 2 / (fan_in + fan_out)).  Ref  Glorot & Bengio, AISTATS 2010, eq. 12."""

    scale, both = 2.0, True
    aliases = "glorot_normal", "xavier_norm", "xavier_gaussian", "glorot_norm"


@dataclass(frozen=True)
class He(VarianceScaling):
    """N(0, 2 / fan_in), which keeps the variance through ReLU.  Ref  He et al., ICCV 2015, eq. 10."""

    scale = 2.0
    aliases = "kaiming", "he_normal", "kaiming_normal", "he_init", "he_norm", "kaiming_init", "he_et_al"


@dataclass(frozen=True)
class HeUniform(VarianceScaling):
    """U(-a, a) with a = sqrt(6 / fan_in): of the variance of `He`.  Ref  He et al., ICCV 2015, eq. 10."""

    scale, uniform = 2.0, True
    aliases = "kaiming_uniform", "he_unif", "kaiming_unif"


@dataclass(frozen=True)
class LecunNormal(VarianceScaling):
    """N(0, 1 / fan_in).  Ref  LeCun et al., Efficient BackProp (1998), eq. 16."""

    scale = 1.0
    aliases = ("lecun",)


@dataclass(frozen=True)
class LecunUniform(VarianceScaling):
    """U(-a, a) with a = sqrt(3 / fan_in).  Ref  LeCun et al., Efficient BackProp (1998), eq. 16."""

    scale, uniform = 1.0, True


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A random orthogonal matrix times `gain`, uniform over all such matrices.  Ref  Saxe et al. (2013), section 3."""

    aliases = ("ortho",)

    gain: float = bounded(1.0, "(0, inf)")

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Rows or columns, whichever are fewer, are orthonormal; further axes are flattened into the columns."""
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))  # makes the factorisation unique, hence the distribution uniform (Mezzadri 2007)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
