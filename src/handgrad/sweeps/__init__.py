"""Sweeps: W&B's sweep files read into a search space."""

from handgrad.diagnostics import Diagnostic
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.hyperband import Hyperband
from handgrad.sweeps.metric import Metric
from handgrad.sweeps.reading import BUNDLED, read_sweep
