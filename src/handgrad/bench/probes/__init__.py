"""Measurements of handgrad itself and of the processor; each module has a `run` that returns numbers by name."""
