"""Samplers suggest the next configuration of a sweep. A new one is a file and a row of SAMPLERS."""

from importlib.util import find_spec

from handgrad.errors import UsageError
from handgrad.plugins import how_to_install
from handgrad.sweeps.samplers.base import Grid, Random, Sampler
from handgrad.sweeps.samplers.bayes import TPE, GaussianProcess

SAMPLERS: dict[str, type[Sampler]] = {"grid": Grid, "random": Random, "bayes": TPE, "gp": GaussianProcess}


def require(method: str) -> None:
    """Raise a UsageError that says how to install what the method needs, where that is missing."""
    for package, extra in SAMPLERS[method].needs.items():
        if not _installed(package):
            raise UsageError(f"method {method} needs {package}: {how_to_install(extra)}. random and grid do without it")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # what stands in its place in sys.modules is no module
        return False
