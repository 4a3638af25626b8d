"""Recipes run: every experiment trained, its numbers beside the printed ones, its claims judged, one report."""
