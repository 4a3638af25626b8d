"""Both engines side by side: how far they drift apart, where one step parts them, and why."""

from handgrad.torch_port.lockstep.causes import UPDATE_CAUSES, Cause
from handgrad.torch_port.lockstep.discrepancies import DISCREPANCIES, Discrepancy
from handgrad.torch_port.lockstep.evidence import PASS_CAUSES
from handgrad.torch_port.lockstep.pair import Drift, Lockstep, Parting, Peak, lockstep
