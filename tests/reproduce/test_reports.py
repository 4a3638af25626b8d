"""The course reports: what their own numbers do not support, found from these numbers alone."""

import pytest

from handgrad.claims import REPORTS, check, read_document, report_file

# report, claim, verdict, what the arithmetic must show
UNSUPPORTED = [
    ("ee5179", "tanh_by_over_10", "contradicted", ["97.21 - 88.81 = 8.40 points", "not over 10"]),
    ("ee5179", "tanh_best", "tie", ["97.21 - 97.28 = -0.07", "z = -0.30", "point the other way"]),
    ("ee5179", "l2_less_overfitting", "tie", ["(96.93 - 96.08) = 0.64 - 0.85", "point the other way"]),
    ("ee5179", "l2_better", "tie", ["96.08 - 96.23 = -0.15", "point the other way"]),
    ("ee5179", "torch_beats_hand", "confounded", ["optimizer (adam against sgd)"]),
    ("da6401", "transfer_ranking", "tie", ["97.46 - 97.42", "97.42 - 97.40", "± 0.31 and ± 0.31"]),
    (
        "da6401",
        "best_on_new_images",
        "contradicted",
        ["89.65 - test accuracy 88.58 = 1.07", "6,000 images", "selection"],
    ),
    ("ee6132-2018", "sigmoid_accuracy", "contradicted", ["0.9225", "7,154 / 8,000 = 0.8943"]),
    ("ee6132-2018", "relu_accuracy", "contradicted", ["0.9635", "1,787 / 2,000 = 0.8935"]),
    ("ee6132-2018", "relu_better", "tie", ["0.8935 - 0.8943 = -0.0008"]),
    ("ee6132-2018", "networks_lose", "confounded", ["never predicts class 2", "under-trained"]),
    ("ee6132-momentum", "deeper_minima", "contradicted", ["90.60 - 94.89", "ends at 5.5e-05", "mean 2.1e-03"]),
    (
        "ee6132-momentum",
        "deeper_minima",
        "contradicted",
        ["90.60 - 90.49 = 0.11 points", "cannot be distinguished"],
    ),
    ("ee6132-momentum", "twenty_images", "tie", ["19 / 20 - 17 / 20", "Fisher's exact test, p = 0.60"]),
    ("dl-2022", "recall_adds", "contradicted", ["Contradicted in 14 of 14 experiments"]),
    ("dl-2022", "batch_norm_helps", "tie", ["0.9504 - 0.9466 = 0.0038", "z = 1.22", "One seed each"]),
    ("dl-2022", "relu_beats_sigmoid", "no experiment", ["No test accuracy of sigmoid MLP"]),
    ("dl-2022", "relu_beats_tanh", "no experiment", ["No test accuracy of tanh MLP"]),
    ("dl-2022", "dropout_generalises", "no experiment", ["No test accuracy of MLP without dropout"]),
]
SUPPORTED = {
    "ee5179": {"baseline_weakest", "tanh_stuck"},
    "da6401": {"transfer_above_97"},
    "da6401-2026": set(),  # prints no numbers
    "ee6132-2018": {"regularised_accuracy", "regularisation_better"},
    "ee6132-momentum": {
        "higher_rate_better_sigmoid",
        "higher_rate_better_relu",
        "schedule_lowers",
        "relu_beats_sigmoid",
        "relu_beats_sigmoid_1e-3",
        "relu_beats_sigmoid_1e-4",
    },
    "dl-2022": {"cnn_beats_mlp", "cnn_is_smaller", "larger_batches_mlp", "larger_batches_cnn"},
}


@pytest.fixture(scope="module")
def verdicts():
    """Every report's verdicts by the claim's name."""
    return {report: {each.name: each for each in check(read_document(report_file(report)))} for report in REPORTS}


@pytest.mark.parametrize(("report", "claim", "verdict", "shown"), UNSUPPORTED)
def test_the_numbers_do_not_support_it(verdicts, report, claim, verdict, shown):
    found = verdicts[report][claim]
    arithmetic = " ".join(found.arithmetic)
    assert found.verdict == verdict
    for piece in shown:
        assert piece in arithmetic


@pytest.mark.parametrize("report", REPORTS)
def test_what_the_numbers_do_support(verdicts, report):
    assert {name for name, each in verdicts[report].items() if each.verdict == "supported"} == SUPPORTED[report]


@pytest.mark.parametrize("report", REPORTS)
def test_every_verdict_comes_with_its_arithmetic(verdicts, report):
    assert all(each.arithmetic for each in verdicts[report].values())


def test_every_printed_accuracy_is_transcribed():
    printed = {
        report: sorted(
            value
            for experiment in read_document(report_file(report)).experiments.values()
            for name, value in experiment.printed.values()
            if name == "test_accuracy"
        )
        for report in REPORTS
    }
    assert printed["ee5179"] == [88.81, 92.18, 96.08, 96.23, 97.21, 97.28]
    assert printed["da6401"] == [88.58, 97.40, 97.42, 97.46]
    assert printed["ee6132-2018"] == [0.6795, 0.6805, 0.9115, 0.9225, 0.9635, 0.9852]
    assert printed["ee6132-momentum"] == [84.36, 90.49, 90.60, 94.28, 94.89, 96.87, 97.79]
    assert len(printed["dl-2022"]) == 14
    assert sorted(set(printed["dl-2022"])) == [0.8946, 0.9070, 0.9071, 0.9171, 0.9384, 0.9466, 0.9492, 0.9504]
