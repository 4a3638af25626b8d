"""Who chooses the next configuration of a sweep. A new one is a file, or a class, and a row of BRAINS."""

from importlib.util import find_spec

from handgrad.errors import UsageError
from handgrad.extras import how_to_install
from handgrad.sweeps.brains.bayes import Bayes, GaussianProcess
from handgrad.sweeps.brains.brain import Brain
from handgrad.sweeps.brains.exhaustive import Grid
from handgrad.sweeps.brains.independent import Random

BRAINS: dict[str, type[Brain]] = {"grid": Grid, "random": Random, "bayes": Bayes, "gp": GaussianProcess}


def require(method: str) -> None:
    """Raise a UsageError that says how to install what the method needs, where that is missing."""
    for package, extra in BRAINS[method].needs.items():
        if not _installed(package):
            raise UsageError(f"method {method} needs {package}: {how_to_install(extra)}. random and grid do without it")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # what stands in its place in sys.modules is no module
        return False
