"""Figures of runs: a file each, of a function that computes plain data and, below it, one that plots them.

FIGURES are plotted from one run, COMPARISONS from any number of them, RESULTS from what a function found. Whoever
wants a figure asks these by name.
"""

from functools import partial

from handgrad.figures.accuracy_bars import compare_test_data, plot_bars
from handgrad.figures.architecture import architecture_data, plot_architecture
from handgrad.figures.base import DoesNotApplyError, Drawn, FigureSpec, Table
from handgrad.figures.confusion import confusion_data, plot_confusion
from handgrad.figures.curves import (
    accuracy_data,
    compare_gradients_data,
    loss_data,
    overlaid,
    plot_curves,
    plot_overlay,
)
from handgrad.figures.explanation import Explained, explanation_data, explanations, plot_explanation
from handgrad.figures.failures import failures_data, plot_failures
from handgrad.figures.filters import (
    conv_filters_data,
    dense_filters_data,
    feature_maps_data,
    plot_feature_maps,
    plot_filters,
)
from handgrad.figures.histograms import histograms_data, plot_histograms
from handgrad.figures.layer_statistics import activations_data, gradients_data, plot_activations, plot_gradients
from handgrad.figures.learning_rate import RateCurve, learning_rate_data, plot_learning_rate, plot_rate_curve
from handgrad.figures.pictures import plot_predictions, plot_samples, predictions_data, samples_data
from handgrad.figures.reliability import plot_reliability, reliability_data
from handgrad.figures.roc import compare_roc_data, plot_compare_roc, plot_roc, roc_data
from handgrad.figures.run_data import RunData
from handgrad.figures.top_classes import many_classes_data, plot_top_classes, top_classes_data
from handgrad.figures.train_test import compare_train_test_data, plot_train_test
from handgrad.figures.tsne import plot_tsne, tsne_data, tsne_output_data
from handgrad.figures.units import plot_unit_gradients, unit_gradients_data
from handgrad.plugins import extend

FIGURES: dict[str, FigureSpec] = {
    "architecture": FigureSpec("layers, shapes and parameter counts", architecture_data, plot_architecture),
    "samples": FigureSpec("one training image per class", samples_data, plot_samples),
    "sample_table": FigureSpec("five training images per class", partial(samples_data, each=5), plot_samples),
    "loss": FigureSpec("loss against iteration", loss_data, plot_curves),
    "accuracy": FigureSpec("accuracy against iteration", accuracy_data, plot_curves),
    "learning_rate": FigureSpec(
        "learning rate against iteration, and what it comes to", learning_rate_data, plot_learning_rate
    ),
    "confusion": FigureSpec("confusion matrix on test images", confusion_data, plot_confusion),
    "confusion_train": FigureSpec(
        "confusion matrix on training images", partial(confusion_data, part="train"), plot_confusion
    ),
    "predictions": FigureSpec("right and wrong predictions", predictions_data, plot_predictions),
    "failures": FigureSpec(
        "failures in the cells of the confusion matrix, and what they resemble", failures_data, plot_failures
    ),
    "roc": FigureSpec("ROC curve of each class", roc_data, plot_roc),
    "reliability": FigureSpec("accuracy against confidence", reliability_data, plot_reliability),
    "tsne": FigureSpec(
        "t-SNE of the last hidden layer, after the first epoch and after training", tsne_data, plot_tsne
    ),
    "tsne_output": FigureSpec(
        "t-SNE of the output layer, after the first epoch and after training", tsne_output_data, plot_tsne
    ),
    "dense_filters": FigureSpec("weights of the first dense layer as pictures", dense_filters_data, plot_filters),
    "conv_filters": FigureSpec("filters of each convolution", conv_filters_data, plot_filters),
    "feature_maps": FigureSpec("what each convolution makes of an image", feature_maps_data, plot_feature_maps),
    "explanation": FigureSpec("pixels that the scores of some images rest on", explanation_data, plot_explanation),
    "activations": FigureSpec("outputs of each layer during training", activations_data, plot_activations),
    "histograms": FigureSpec("outputs of each layer before and after training", histograms_data, plot_histograms),
    "unit_gradients": FigureSpec("gradients of single units of a layer", unit_gradients_data, plot_unit_gradients),
    "gradients": FigureSpec("gradients and weights of each layer during training", gradients_data, plot_gradients),
}

COMPARISONS: dict[str, FigureSpec] = {
    "compare_loss": FigureSpec(
        "loss against the iteration, several runs", partial(overlaid, quantity="loss"), plot_overlay
    ),
    "compare_accuracy": FigureSpec(
        "accuracy of several runs against the iteration", partial(overlaid, quantity="accuracy"), plot_overlay
    ),
    "compare_gradients": FigureSpec(
        "gradient of the first layer of several runs", compare_gradients_data, plot_overlay
    ),
    "compare_test": FigureSpec("test accuracy of several runs, with intervals", compare_test_data, plot_bars),
    "compare_train_test": FigureSpec(
        "training against test accuracy of several runs, those that memorise named",
        compare_train_test_data,
        plot_train_test,
    ),
    "compare_roc": FigureSpec("ROC curves of several runs", compare_roc_data, plot_compare_roc),
    "compare_top3": FigureSpec("what several runs say of the same images", top_classes_data, plot_top_classes),
    "compare_20": FigureSpec(
        "what several runs say of twenty images drawn at random", many_classes_data, plot_top_classes
    ),
}

RESULTS: dict[str, FigureSpec] = {
    "explanation": FigureSpec("pixels that the scores of chosen images rest on", explanations, plot_explanation),
    "lr_find": FigureSpec("loss against a learning rate that rises", RateCurve._make, plot_rate_curve),
}

extend(figures=FIGURES, comparisons=COMPARISONS)
