"""Trials in processes of this machine."""

from handgrad.sweeps.workers.pool import Pool
