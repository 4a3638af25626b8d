"""Metrics of trained networks: functions that return numbers, which others draw and print."""

from handgrad.evaluation.difference import Difference, compare, over_images, over_seeds, paired
from handgrad.evaluation.ensemble import ensemble, select_greedily
from handgrad.evaluation.interval import Interval, mean_interval, mean_share, student, wilson
from handgrad.evaluation.mcnemar import McNemar, PairTest, holm, mcnemar, pairwise
from handgrad.evaluation.metrics import (
    Averages,
    Calibration,
    ClassReport,
    Confusion,
    Curve,
    Roc,
    calibration,
    class_report,
    confusion_counts,
    confusion_matrix,
    frequent_confusions,
    roc,
    shares_of_true_class,
    top_k_accuracy,
)
from handgrad.evaluation.predictions import Measure, Predictions, class_means, measure, predict, same_images
from handgrad.evaluation.summary import Summary, summarise
