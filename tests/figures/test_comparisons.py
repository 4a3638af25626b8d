"""Several runs together: grouped, averaged, compared on the same images."""

import numpy as np
import pytest

from handgrad.errors import UsageError
from handgrad.evaluation import mean_interval, wilson
from handgrad.figures.accuracy_bars import compare_test_data
from handgrad.figures.curves import compare_gradients_data, overlaid
from handgrad.figures.gallery import figure
from handgrad.figures.roc import compare_roc_data
from handgrad.figures.run_data import grouped, run_labels
from handgrad.figures.top_classes import top_classes_data
from handgrad.figures.train_test import compare_train_test_data, place_of, plot_train_test


def test_runs_that_differ_in_their_seed_belong_together(data_of):
    runs = [data_of("mlp"), data_of("no hidden layer", keep="best"), data_of("mlp", seed=1)]
    groups = grouped(runs)
    assert [len(group.members) for group in groups] == [2, 1]
    assert "num_layers 1" in groups[0].label
    assert "num_layers 0" in groups[1].label
    assert "seed" not in groups[0].label
    labels = run_labels(runs)
    assert labels[0].endswith(", seed 0")
    assert labels[2].endswith(", seed 1")
    assert labels[1] == groups[1].label


def test_one_configuration_is_called_by_its_run(data_of):
    assert [group.label for group in grouped([data_of("mlp")])] == ["mlp"]


def test_nothing_is_compared_with_itself(data_of):
    with pytest.raises(UsageError, match="given twice"):
        grouped([data_of("mlp"), data_of("mlp")])
    with pytest.raises(UsageError, match="at least one run"):
        grouped([])


def test_intervals_over_seeds_and_over_images(data_of):
    runs = [data_of("mlp"), data_of("mlp", seed=1), data_of("cnn")]
    several, alone = compare_test_data(runs).bars
    shares = [data.run.metrics["test"]["accuracy"] for data in runs]
    expected = mean_interval(shares[:2])
    low, high = max(expected[1], 0.0), min(expected[2], 1.0)  # no accuracy lies beyond
    assert several.interval[:3] == pytest.approx([100 * value for value in (expected[0], low, high)])
    assert several.accuracies == pytest.approx([100 * share for share in shares[:2]])
    tested = len(data_of("cnn").dataset.y_test)
    assert alone.interval[:3] == pytest.approx([100 * v for v in wilson(round(shares[2] * tested), tested)[:3]])
    assert "Wilson" in alone.method


def test_lines_are_means_between_smallest_and_largest(data_of):
    runs = [data_of("mlp"), data_of("mlp", seed=1)]
    (line,) = overlaid(runs, "loss").validation
    curves = np.array(
        [[e.validation_loss for e in data.history.epochs] for data in runs]
    )  # the last evaluation falls on an epoch's end
    at = np.isin(line.x, [e.step for e in runs[0].history.epochs])
    np.testing.assert_allclose(line.mean[at], curves.mean(axis=0))
    np.testing.assert_allclose(line.low[at], curves.min(axis=0))
    np.testing.assert_allclose(line.high[at], curves.max(axis=0))
    assert line.x[-1] == len(runs[0].history.losses)


def test_a_configuration_goes_as_far_as_its_shortest_run(data_of):
    overlay = overlaid([data_of("mlp"), data_of("one epoch", epochs=2)], "accuracy")
    assert len(overlay.training) == 2
    assert len(overlay.validation) == 1  # the other has no validation images


def test_the_test_loss_has_its_own_panel_where_all_runs_measured_it(data_of):
    logged = data_of("mlp", log_test=True)
    (line,) = overlaid([logged], "loss").test
    assert line.mean[-1] == logged.history.epochs[-1].test_loss
    both = overlaid([logged, data_of("mlp", seed=1)], "loss")  # one configuration, one run of which has no test curve
    assert list(both.parts) == ["training", "validation"]


def test_epochs_are_the_axis_where_iterations_hold_different_numbers_of_images(data_of):
    same = overlaid([data_of("mlp"), data_of("mlp", learning_rate=0.01)], "loss")
    assert (same.axis, same.training[0].x[-1]) == ("iteration", len(data_of("mlp").history.losses))
    other = overlaid([data_of("mlp"), data_of("mlp", batch_size=50)], "loss")
    assert (other.axis, other.training[0].x[-1], other.training[1].x[-1]) == ("epoch", 2, 2)


@pytest.mark.parametrize("name", ["compare_accuracy", "compare_test"])
def test_no_axis_goes_beyond_all_images(data_of, name):
    axes = figure(name, [data_of("mlp"), data_of("mlp", learning_rate=0.01)]).figure.axes[0]
    end = axes.get_ylim()[1] if name == "compare_accuracy" else axes.get_xlim()[1]
    assert end <= 100


def test_areas_are_those_of_each_run(data_of):
    runs = [data_of("mlp"), data_of("cnn")]
    curves = dict(compare_roc_data(runs).curves)
    assert list(curves) == run_labels(runs)
    assert all(0.5 < curve.auc <= 1 for curve in curves.values())


def test_the_likeliest_classes_come_first(data_of):
    runs = [data_of("mlp"), data_of("cnn")]
    found = top_classes_data(runs)
    assert found.classes.shape == (2, 6, 3)
    assert len(set(found.rows)) == 6
    assert (np.diff(found.probabilities, axis=2) <= 0).all()
    for run, data in enumerate(runs):
        scores = data.predictions().scores[found.rows]
        np.testing.assert_array_equal(found.classes[run, :, 0], scores.argmax(axis=1))
        np.testing.assert_array_equal(found.probabilities[run, :, 0], scores.max(axis=1))
    disputed = found.classes[0, :3, 0] != found.classes[1, :3, 0]
    assert disputed.any()


def test_other_test_images_are_refused(data_of, trained):
    other = data_of("mlp", resize=(9, 9))
    same = top_classes_data([data_of("mlp"), other])  # other pixels, but the same images
    assert len(same.rows) == 6
    data = data_of("mlp")
    altered = type(data)(trained("cnn"))
    altered._predictions["test"] = data.predictions()._replace(labels=data.predictions().labels[::-1])
    with pytest.raises(UsageError, match="other images"):
        top_classes_data([data, altered])


def test_gradients_of_the_first_layer_are_those_that_each_run_recorded(data_of):
    runs = [data_of("mlp"), data_of("mlp", seed=1), data_of("no hidden layer")]
    two, one = compare_gradients_data(runs).training
    recorded = [[row.parameters["1.weight"].gradient for row in data.history.statistics] for data in runs]
    np.testing.assert_allclose(two.mean, np.mean(recorded[:2], axis=0))
    np.testing.assert_allclose(one.mean, recorded[2])
    assert two.x.tolist() == [row.step for row in runs[0].history.statistics]


def test_who_memorises_is_named_by_the_interval_of_the_gap(data_of):
    """A wide network learns 43 digits by heart; one that has hardly begun is as bad on both."""
    heart = data_of("mlp", train_fraction=0.03, hidden_size=128, epochs=60, dropout=0.0)
    found = compare_train_test_data([data_of("mlp", epochs=1, learning_rate=1e-5), heart])
    first, second = found.dots
    metrics = heart.run.metrics
    assert (first.train, first.test) == tuple(100 * metrics[part]["accuracy"] for part in ("train", "test"))
    assert (first.memorises, second.memorises) == (True, False)
    assert list(found.memorisers) == [first.label]
    assert f"{first.gap:.2f} points" in found.caption
    (axes,) = plot_train_test(found).axes
    drawn = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    (place,) = [points for label, points in drawn.items() if label.endswith(f": {first.gap:.1f} points")]
    np.testing.assert_allclose(place, [place_of(np.array([first.train, first.test]))])


def test_a_run_that_measured_nothing_is_evaluated(data_of, monkeypatch):
    data = data_of("mlp")
    (known,) = compare_train_test_data([data]).dots
    monkeypatch.setitem(data.metrics["train"], "accuracy", None)
    monkeypatch.setitem(data.metrics["test"], "accuracy", None)
    assert compare_train_test_data([data]).dots == (known,)
