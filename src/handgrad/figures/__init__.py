"""Figures of runs: each is a row here, of a function that computes its numbers and one that draws them.

FIGURES are drawn from one run, COMPARISONS from any number of them.
"""

from handgrad.figures.drawings.architecture import draw_architecture
from handgrad.figures.drawings.comparison import draw_bars, draw_overlay, draw_roc_overlay, draw_top_guesses
from handgrad.figures.drawings.confusion import draw_confusion
from handgrad.figures.drawings.curves import draw_curves, draw_rates
from handgrad.figures.drawings.embedding import draw_embedding
from handgrad.figures.drawings.filters import draw_feature_maps, draw_filters
from handgrad.figures.drawings.layers import draw_activations, draw_gradients
from handgrad.figures.drawings.pictures import draw_right_and_wrong, draw_samples
from handgrad.figures.drawings.thresholds import draw_reliability, draw_roc
from handgrad.figures.kind import DoesNotApplyError, Drawn, FigureKind
from handgrad.figures.numbers.architecture import architecture
from handgrad.figures.numbers.comparison import (
    compared_accuracies,
    compared_losses,
    compared_roc,
    test_accuracies,
)
from handgrad.figures.numbers.confusion import confusion_test, confusion_train
from handgrad.figures.numbers.curves import accuracy_curves, learning_rates, loss_curves
from handgrad.figures.numbers.embedding import embedding
from handgrad.figures.numbers.filters import convolution_filters, dense_filters, feature_maps
from handgrad.figures.numbers.guesses import many_guesses, top_guesses
from handgrad.figures.numbers.layers import activation_statistics, gradient_statistics
from handgrad.figures.numbers.pictures import class_samples, right_and_wrong
from handgrad.figures.numbers.thresholds import reliability, roc_curves
from handgrad.figures.run_data import RunData
from handgrad.figures.saving import to_svg

FIGURES: dict[str, FigureKind] = {
    "architecture": FigureKind("layers, shapes and parameter counts", architecture, draw_architecture),
    "samples": FigureKind("one training image per class", class_samples, draw_samples),
    "loss": FigureKind("loss against iteration", loss_curves, draw_curves),
    "accuracy": FigureKind("accuracy against iteration", accuracy_curves, draw_curves),
    "learning_rate": FigureKind("learning rate against iteration", learning_rates, draw_rates),
    "confusion": FigureKind("confusion matrix on test images", confusion_test, draw_confusion),
    "confusion_train": FigureKind("confusion matrix on training images", confusion_train, draw_confusion),
    "predictions": FigureKind("right and wrong predictions", right_and_wrong, draw_right_and_wrong),
    "roc": FigureKind("ROC curve of each class", roc_curves, draw_roc),
    "reliability": FigureKind("accuracy against confidence", reliability, draw_reliability),
    "tsne": FigureKind(
        "t-SNE of the last hidden layer, after the first epoch and after training", embedding, draw_embedding
    ),
    "dense_filters": FigureKind("weights of the first dense layer as pictures", dense_filters, draw_filters),
    "conv_filters": FigureKind("filters of each convolution", convolution_filters, draw_filters),
    "feature_maps": FigureKind("what each convolution makes of an image", feature_maps, draw_feature_maps),
    "activations": FigureKind("outputs of each layer during training", activation_statistics, draw_activations),
    "gradients": FigureKind("gradients and weights of each layer during training", gradient_statistics, draw_gradients),
}

COMPARISONS: dict[str, FigureKind] = {
    "compare_loss": FigureKind("loss of several runs against the epoch", compared_losses, draw_overlay),
    "compare_accuracy": FigureKind("accuracy of several runs against the epoch", compared_accuracies, draw_overlay),
    "compare_test": FigureKind("test accuracy of several runs, with intervals", test_accuracies, draw_bars),
    "compare_roc": FigureKind("ROC curves of several runs", compared_roc, draw_roc_overlay),
    "compare_top3": FigureKind("what several runs say of the same images", top_guesses, draw_top_guesses),
    "compare_20": FigureKind("what several runs say of twenty images drawn at random", many_guesses, draw_top_guesses),
}
