"""What lies outside a declared interval, for every field of a dataclass that declares one."""

import dataclasses
import math


def bounded_fields(cls):
    """(name, interval) of each field that declares bounds."""
    return [(f.name, f.metadata["interval"]) for f in dataclasses.fields(cls) if "interval" in f.metadata]


def outside(interval):
    """Values that a field of this interval must refuse: beyond each end, on an excluded end, and no numbers."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    beyond = [low - 1] if math.isfinite(low) else []
    beyond += [high + 1] if math.isfinite(high) else []
    excluded = [end for end, bracket in ((low, interval[0]), (high, interval[-1])) if bracket in "()"]
    return [*beyond, *excluded, math.nan, "1", None, True]


def refusals(classes):
    """(class, field, bad value) of all `classes`, for parametrize."""
    return [(cls, name, bad) for cls in classes for name, interval in bounded_fields(cls) for bad in outside(interval)]
