"""Sweeps: W&B's sweep files read into a search space."""

from handgrad.errors import Diagnostic
from handgrad.sweeps.definition import Metric, SweepDefinition
from handgrad.sweeps.pruner import Hyperband
from handgrad.sweeps.sweep_file import BUNDLED, read_sweep
