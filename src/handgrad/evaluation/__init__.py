"""Metrics of trained networks: functions that return numbers, which others draw and print."""

from handgrad.evaluation.interval import Interval, mean_interval
from handgrad.evaluation.measure import Measure, confusion_matrix, measure

__all__ = ["Interval", "Measure", "confusion_matrix", "mean_interval", "measure"]
