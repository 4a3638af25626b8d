"""Drawings of numbers: every function takes a result of `numbers` and returns a Matplotlib figure."""
