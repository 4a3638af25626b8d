"""Initialisers: the distribution that a layer's weights start from."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import bounded, check_bounds

Array = NDArray[Any]


class Initializer(ABC):
    """A frozen dataclass; called with the generator to draw from, it returns a float64 array.

    `aliases` are other names for it.
    """

    aliases: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_bounds(self)

    @abstractmethod
    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Draw an array of `shape` for a layer with `fan_in` inputs and `fan_out` outputs a unit."""


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero: for biases. As weights of hidden layers it leaves every unit alike for ever."""

    aliases = "zero", "zero_init"

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Zeros of `shape`."""
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """All one: the gamma of batch normalisation."""

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Ones of `shape`."""
        return np.ones(shape)


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
class XavierUniform(Initializer):
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).  Ref  Glorot & Bengio, AISTATS 2010, eq. 16."""

    aliases = "glorot", "xavier_uniform", "glorot_uniform", "xavier_init", "xavier_glorot", "glorot_init"

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Uniform numbers of variance 2 / (fan_in + fan_out)."""
        limit = math.sqrt(6.0 / (fan_in + fan_out))
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class XavierNormal(Initializer):
    """N(0, 2 / (fan_in + fan_out)).  Ref  Glorot & Bengio, AISTATS 2010, eq. 12."""

    aliases = "glorot_normal", "xavier_norm", "xavier_gaussian", "glorot_norm"

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal numbers of variance 2 / (fan_in + fan_out)."""
        return generator.normal(0.0, math.sqrt(2.0 / (fan_in + fan_out)), shape)


@dataclass(frozen=True)
class He(Initializer):
    """N(0, 2 / fan_in), which keeps the variance through ReLU.  Ref  He et al., ICCV 2015, eq. 10."""

    aliases = "kaiming", "he_normal", "kaiming_normal", "he_init", "he_norm", "kaiming_init", "he_et_al"

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal numbers of variance 2 / fan_in."""
        return generator.normal(0.0, math.sqrt(2.0 / fan_in), shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """U(-a, a) with a = sqrt(6 / fan_in): of the variance of `He`.  Ref  He et al., ICCV 2015, eq. 10."""

    aliases = "kaiming_uniform", "he_unif", "kaiming_unif"

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Uniform numbers of variance 2 / fan_in."""
        limit = math.sqrt(6.0 / fan_in)
        return generator.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """N(0, 1 / fan_in).  Ref  LeCun et al., Efficient BackProp (1998), eq. 16."""

    aliases = ("lecun",)

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal numbers of variance 1 / fan_in."""
        return generator.normal(0.0, math.sqrt(1.0 / fan_in), shape)


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """U(-a, a) with a = sqrt(3 / fan_in).  Ref  LeCun et al., Efficient BackProp (1998), eq. 16."""

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Uniform numbers of variance 1 / fan_in."""
        limit = math.sqrt(3.0 / fan_in)
        return generator.uniform(-limit, limit, shape)


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
