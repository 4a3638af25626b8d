"""Metrics of trained networks: functions that return numbers, which others draw and print."""

from handgrad.evaluation.calibration import Calibration, calibration
from handgrad.evaluation.classes import Averages, ClassReport, class_report
from handgrad.evaluation.confusion import (
    Confusion,
    confusion_counts,
    confusion_matrix,
    frequent_confusions,
    shares_of_true_class,
)
from handgrad.evaluation.ensemble import ensemble, select_greedily
from handgrad.evaluation.interval import Interval, mean_interval, mean_share, student, welch_interval, wilson
from handgrad.evaluation.mcnemar import McNemar, PairTest, holm, mcnemar, pairwise
from handgrad.evaluation.measure import Measure, measure
from handgrad.evaluation.predictions import Predictions, predict, same_images
from handgrad.evaluation.roc import Curve, Roc, roc
from handgrad.evaluation.summary import Summary, summarise
from handgrad.evaluation.topk import top_k_accuracy
