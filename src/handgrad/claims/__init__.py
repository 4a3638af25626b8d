"""Course reports and an assignment as data: experiments, numbers as printed, claims; and anybody's claims, checked."""

from importlib.resources import files
from pathlib import Path

from handgrad.claims.document import Document, read_document
from handgrad.claims.judge import ClaimVerdict, check, check_over_seeds, markdown, summary
from handgrad.claims.questions import choice
from handgrad.errors import UsageError

REPORTS = {
    "ee5179": "MLP by hand against PyTorch (MNIST)",
    "da6401": "optimizers, sweep, and a transfer (Fashion-MNIST, MNIST)",
    "da6401-2026": "sweep, optimizers, gradients, dead units, failures, symmetry (MNIST, Fashion-MNIST)",
    "ee6132-2018": "folds, per-class metrics, regularisation, HOG and SVM (MNIST)",
    "ee6132-momentum": "learning rates, schedule (MNIST)",
    "dl-2022": "MLP against CNN (MNIST)",
}


def report_file(name: str) -> Path:
    """The YAML file of one of the REPORTS."""
    return Path(str(files("handgrad") / "recipes" / f"{name}.yaml"))


def find_document(name: str) -> Path:
    """A file of one's own, or one of the REPORTS by its name.

    Raises  UsageError when it is neither.
    """
    if name in REPORTS and not Path(name).is_file():
        return report_file(name)
    if not Path(name).exists() and not Path(name).suffix:
        raise UsageError(f"{choice('report', name, REPORTS)}; or give a YAML file of claims")
    return Path(name)
