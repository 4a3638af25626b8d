"""The scripts in docs/reports, which are no part of the package."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reports"


def script(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_reports", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
