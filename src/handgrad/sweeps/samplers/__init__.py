"""Samplers suggest the next configuration of a sweep. A new one is a file and a row of SAMPLERS."""

from handgrad.errors import UsageError
from handgrad.plugins import how_to_install, is_installed
from handgrad.sweeps.samplers.base import Grid, Random, Sampler
from handgrad.sweeps.samplers.bayes import TPE, GaussianProcess
from handgrad.sweeps.samplers.design import Design

SAMPLERS: dict[str, type[Sampler]] = {
    "grid": Grid,
    "random": Random,
    "design": Design,
    "bayes": TPE,
    "gp": GaussianProcess,
}


def require(method: str) -> None:
    """Raise a UsageError that says how to install what the method needs, where that is missing."""
    for package, extra in SAMPLERS[method].needs.items():
        if not is_installed(package):
            raise UsageError(
                f"method {method} needs {package}: {how_to_install(extra)}. random and grid do not need it"
            )
