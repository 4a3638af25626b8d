"""The numbers behind figures of one run: worked by hand, or read off the network in another way."""

import math

import numpy as np
import pytest
from tests.ingredients import nn

from handgrad.data import load
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import Predictions
from handgrad.evaluation.explanation import last_hidden
from handgrad.figures import RunData
from handgrad.figures.architecture import architecture_of
from handgrad.figures.base import DoesNotApplyError
from handgrad.figures.confusion import confusion_data, confusion_matrix_of
from handgrad.figures.filters import conv_filters_data, dense_filters_data, feature_maps_data
from handgrad.figures.histograms import IMAGES, PURPOSE, histograms_data
from handgrad.figures.layer_statistics import activations_data, gradients_data
from handgrad.figures.learning_rate import Rates
from handgrad.figures.pictures import plot_samples, predictions_data, samples_data
from handgrad.figures.reliability import reliability_data
from handgrad.figures.roc import roc_data
from handgrad.figures.tsne import tsne, tsne_data, tsne_output_data
from handgrad.nn import Network


def test_confusions_by_hand():
    """Three images of a, of which one is taken for b; one of b, right; none of c, never predicted."""
    scores = np.eye(3)[[0, 0, 1, 1]]
    found = confusion_matrix_of(Predictions(scores, np.array([0, 0, 0, 1]), ("a", "b", "c")), "x", "test")
    assert found.counts.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(found.shares[:2], [[2 / 3, 1 / 3, 0], [0, 1, 0]])
    assert np.isnan(found.shares[2]).all()
    assert found.precision[:2].tolist() == [1, 0.5]
    assert math.isnan(found.precision[2])
    assert found.accuracy == 0.75
    assert "a taken for b: once" in found.caption


def test_confusions_on_the_training_images(data_of):
    data = data_of("mlp")
    counts = confusion_data(data, "train").counts
    assert counts.sum() == len(data.split.train_rows)
    assert np.trace(counts) / counts.sum() == pytest.approx(data.run.metrics["train"]["accuracy"])


def test_a_sample_of_each_class(data_of):
    found, digits = samples_data(data_of("mlp")), load("digits")
    assert digits.y_train[found.rows].tolist() == [list(range(10))]
    np.testing.assert_array_equal(digits.x_train[found.rows], found.images)


def test_five_samples_of_each_class_or_as_many_as_there_are(data_of):
    data, digits = data_of("mlp", train_fraction=0.03), load("digits")
    found, labels = samples_data(data, 5), digits.y_train[data.split.train_rows]
    for column, label in zip(found.rows.T, np.unique(labels), strict=True):
        drawn = column[column >= 0]
        assert len(set(drawn)) == len(drawn) == min(5, np.count_nonzero(labels == label))
        assert (digits.y_train[drawn] == label).all()
        assert np.isin(drawn, data.split.train_rows).all()
        assert (column[len(drawn) :] == -1).all()
    assert (found.rows == -1).any()
    pictures = [axes.images[0].get_array() for axes in plot_samples(found).axes]
    assert sum(np.ma.count(array) for array in pictures) == 48**2 * np.count_nonzero(found.rows >= 0)


def test_right_and_wrong_are_what_they_are_called(data_of):
    data = data_of("mlp")
    found, digits = predictions_data(data), load("digits")
    guesses = data.network.predict_proba(digits.x_test)
    for each, same in ((found.right, True), (found.wrong, False)):
        np.testing.assert_array_equal(each.predicted, guesses[each.rows].argmax(axis=1))
        np.testing.assert_array_equal(each.true, digits.y_test[each.rows])
        assert ((each.true == each.predicted) == same).all()
        np.testing.assert_allclose(each.probability, guesses[each.rows].max(axis=1), rtol=1e-4)
    assert (np.diff(found.wrong.loss) <= 0).all()
    wrong = guesses.argmax(axis=1) != digits.y_test
    of_true = guesses[np.arange(len(digits.y_test)), digits.y_test]
    assert found.wrong.loss[0] == pytest.approx(-np.log(of_true[wrong].min()), rel=1e-4)
    assert found.errors == wrong.sum()


def test_other_images_with_another_seed(data_of, trained):
    one, other = (predictions_data(RunData(trained("mlp"), seed=seed)).right.rows.tolist() for seed in (0, 1))
    assert one != other
    assert one == predictions_data(data_of("mlp")).right.rows.tolist()


def test_roc_and_reliability_are_of_the_test_images(data_of):
    data = data_of("mlp")
    assert roc_data(data).images == reliability_data(data).calibration.images.sum() == len(load("digits").y_test)


def test_dense_weights_are_pictures_of_what_the_units_look_at(data_of):
    data = data_of("mlp")
    (shown,) = dense_filters_data(data).layers
    assert shown.pictures.shape == (12, 1, 8, 8)
    np.testing.assert_array_equal(shown.pictures[3].ravel(), data.network.views["1.weight"][:, 3])


def test_weights_of_an_output_layer_are_called_by_the_classes(data_of):
    assert dense_filters_data(data_of("no hidden layer")).layers[0].names == load("digits").class_names


def test_dense_weights_after_convolutions_have_channels(data_of):
    data = data_of("cnn")
    (shown,) = dense_filters_data(data).layers
    assert shown.pictures.shape == (10, 2, 4, 4)
    weight = data.network.views["5.weight"]
    np.testing.assert_array_equal(shown.pictures[7, 1].ravel(), weight[16:32, 7])


def test_convolution_filters(data_of):
    data = data_of("cnn")
    first, second = conv_filters_data(data).layers
    np.testing.assert_array_equal(first.pictures, data.network.views["0.weight"])
    np.testing.assert_array_equal(second.pictures, data.network.views["3.weight"])


def test_feature_maps_by_hand(data_of):
    """One pixel of the first map: its window of the image, times the filter, plus the bias."""
    data = data_of("cnn")
    found = feature_maps_data(data)
    image = data.dataset.x_test[found.row] / 255
    weight, bias = data.network.views["0.weight"], data.network.views["0.bias"]
    expected = (image[2:5, 3:6] * weight[1, 0]).sum() + bias[1]
    assert found.layers[0].pictures[1, 0, 3, 4] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert [layer.pictures.shape for layer in found.layers] == [(3, 1, 8, 8), (2, 1, 4, 4)]


def test_no_picture_after_a_global_pool():
    class Data:
        network = Network([nn.Conv2D(3), nn.GlobalAveragePool(), nn.Dense(4)], (8, 8))

    with pytest.raises(DoesNotApplyError, match="looks at an image"):
        dense_filters_data(Data())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.Flatten(), nn.Dense(5), nn.ReLU(), nn.Dropout(0.5), nn.Dense(3)], 2),
        ([nn.Flatten(), nn.Dense(5), nn.Dense(3)], 1),
        ([nn.Conv2D(2), nn.ReLU(), nn.Flatten(), nn.Dense(3)], 1),
        ([nn.Flatten(), nn.Dense(5), nn.Dropout(0.5), nn.Dense(3)], 1),
    ],
)
def test_the_last_hidden_layer_is_the_last_that_changes_anything(layers, expected):
    assert last_hidden(Network(layers, (8, 8))) == expected


def test_batch_normalisation_is_no_hidden_layer():
    assert last_hidden(Network([nn.Flatten(), nn.BatchNorm(), nn.Dense(3)], (8, 8))) is None


@pytest.mark.slow
def test_maps_are_kept_until_something_changes(trained):
    said = []
    run = trained("mlp", seed=5)
    first = tsne_data(RunData(run, 30, log=said.append))
    assert [stage.name for stage in first.stages] == ["after the first epoch", "after training"]
    assert len(said) == 2
    again = tsne_data(RunData(run, 30, log=said.append))
    assert len(said) == 2
    for one, other in zip(first.stages, again.stages, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
    tsne_data(RunData(run, 31, log=said.append))
    assert len(said) == 4
    kept = run.path / "figures" / "tsne-after-training.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1])
    tsne_data(RunData(run, 31, log=said.append))
    assert len(said) == 5


@pytest.mark.slow
def test_the_map_of_the_output_layer_is_one_of_the_scores_before_softmax(trained):
    data = RunData(trained("cnn"), 30)
    found = tsne_output_data(data)
    scores = data.network.logits(data.inputs.x_test[found.rows])
    points, _ = tsne(scores, found.perplexity, data.seed)
    np.testing.assert_array_equal(found.stages[-1].points, points)
    assert "input of the last dense layer" in tsne_data(data).caption


def test_one_epoch_has_one_map(data_of):
    found = tsne_data(data_of("one epoch"))
    assert [stage.name for stage in found.stages] == ["after training"]
    assert "no network from after a first epoch" in found.caption


@pytest.mark.parametrize("count", [9, 5001])
def test_too_few_or_too_many_images_for_a_map(trained, count):
    with pytest.raises(UsageError, match="tsne_images must be 10 to 5000"):
        RunData(trained("mlp"), count)


def test_architecture_by_hand():
    """3 filters of 1x3x3 with biases: 30; 2 x 3 of the normalisation; 48 inputs to 5 units with biases: 245."""
    layers = [nn.Conv2D(3, 3, stride=2), nn.BatchNorm(), nn.LeakyReLU(0.2), nn.Flatten(), nn.Dense(5)]
    found = architecture_of(Network(layers, (8, 8)), "x")
    assert [row.type for row in found.rows] == ["input", "Conv2D", "BatchNorm", "LeakyReLU", "Flatten", "Dense"]
    assert [row.shape for row in found.rows] == ["8×8", "3×4×4", "3×4×4", "3×4×4", "48", "5"]
    assert [row.parameters for row in found.rows] == [0, 30, 6, 0, 0, 245]
    assert found.rows[1].settings == "filters 3, kernel_size 3, stride 2"
    assert found.rows[3].settings == "slope 0.2"
    assert found.parameters == 281
    assert [row.macs for row in found.rows] == [0, 27 * 4 * 4, 0, 0, 0, 48 * 5], (
        "each weight at each place of its output"
    )


def test_histograms_of_every_epoch_where_units_are_recorded(data_of):
    """As many dead units, and the same shares, as the network that the epoch left has for the same images."""
    data = data_of("mlp", seed=1)
    found = histograms_data(data)
    assert found.moments == ("before training", "epoch 1", "epoch 2")
    last = data.history.activities[-1].outputs
    for each in found.layers:
        np.testing.assert_allclose(each.shares.sum(axis=1), 1)
        own = last[int(each.name.split()[0])]
        assert each.dead[-1] == own.active.count(0)
        kept = np.array(own.counts) / sum(own.counts)
        middles = np.linspace(own.low, own.high, 2 * len(kept) + 1)[1::2]
        common = (each.edges[:-1] + each.edges[1:]) / 2
        assert each.shares[-1] @ common == pytest.approx(kept @ middles, abs=1.5 * np.diff(each.edges)[0])


def test_a_step_budget_by_hand():
    """Rates 1, 1/2 with momentum 1/2: the first gradient moves the weights by 1 + 1/2 1/2, the second by 1/2."""
    found = Rates("a", "b", np.array([1.0, 0.5]), 1, 0.5)
    assert found.effective.tolist() == [1.25, 0.5]
    assert found.cumulative.tolist() == [1.0, 1.5]
    assert found.constant == 0.75


def test_histograms_count_outputs_and_dead_units(data_of):
    """Before training, the weights are those of the seed; shares are those of the network's own outputs."""
    data = data_of("mlp", log_units=0)
    found = histograms_data(data)
    assert found.moments == ("before training", "after the first epoch", "after training")
    assert [each.name for each in found.layers] == ["1 Dense", "2 ReLU", "4 Dense"]
    relu = found.layers[1]
    assert relu.units == 12
    np.testing.assert_allclose(relu.shares.sum(axis=1), 1)
    chosen = np.sort(data.generator(PURPOSE).permutation(data.split.train_rows)[:IMAGES])
    y = data.network.activations(data.split.x[chosen], [2])[2]
    assert relu.dead[-1] == sum(not y[:, unit].any() for unit in range(12))
    assert relu.shares[-1, 0] == np.mean(y <= relu.edges[1])


def test_statistics_are_those_of_the_history(data_of):
    data = data_of("mlp")
    found, gradients = activations_data(data), gradients_data(data)
    assert [one.name for one in found.series] == ["1 Dense", "2 ReLU", "4 Dense"]
    assert [one.name for one in gradients.series] == ["1 Dense", "4 Dense"]
    last = data.history.statistics[-1]
    assert found.series[1].values["flat_percent"][-1] == 100 * last.outputs[2].flat
    assert gradients.series[1].values["gradient_rms"][-1] == last.parameters["4.weight"].gradient
    assert list(found.steps) == [each.step for each in data.history.statistics]


def test_runs_of_older_versions_were_not_measured(data_of, trained):
    data = RunData(trained("mlp"))
    data.history.statistics = []
    with pytest.raises(DoesNotApplyError, match="not measured"):
        activations_data(data)


def test_another_data_set_under_the_same_name_is_noticed(trained):
    run = trained("mlp", seed=6)
    run.write_json(run.facts_file, run.facts | {"data": "0" * 64})
    with pytest.raises(CorruptDataError, match="is not the one"):
        samples_data(RunData(run))
