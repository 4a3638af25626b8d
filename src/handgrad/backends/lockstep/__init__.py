"""Both engines side by side: how far they drift apart, where one step parts them, and why."""

from handgrad.backends.lockstep.causes import UPDATE_CAUSES, Cause
from handgrad.backends.lockstep.discrepancies import DISCREPANCIES, Discrepancy
from handgrad.backends.lockstep.evidence import PASS_CAUSES
from handgrad.backends.lockstep.pair import Drift, Lockstep, Parting, Peak, lockstep
