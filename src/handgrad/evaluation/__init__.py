"""Metrics of trained networks: functions that return numbers, which others draw and print."""

from handgrad.evaluation.difference import Difference, compare, over_images, over_seeds, paired
from handgrad.evaluation.interval import (
    Interval,
    McNemar,
    PairTest,
    holm,
    mcnemar,
    mean_interval,
    mean_share,
    pairwise,
    student,
    wilson,
)
from handgrad.evaluation.metrics import (
    Averages,
    Calibration,
    ClassReport,
    Confusion,
    Curve,
    Roc,
    Summary,
    calibration,
    class_report,
    confusion_counts,
    confusion_matrix,
    frequent_confusions,
    roc,
    shares_of_true_class,
    summarise,
    top_k_accuracy,
)
from handgrad.evaluation.predictions import (
    Measure,
    Predictions,
    class_means,
    ensemble,
    measure,
    predict,
    same_images,
    select_greedily,
)
