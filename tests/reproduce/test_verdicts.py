"""What a comparison of experiments comes to: relations, causes, seeds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import strict_yaml
from handgrad.claims import check, check_over_seeds, markdown, read_document, summary
from handgrad.claims.evidence import evidence_of_runs
from handgrad.claims.judge import ClaimVerdict
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.runs.comparison import Setup

MIRROR = {"supported": "contradicted", "contradicted": "supported", "tie": "tie"}


def document(claim, unit="percent", **experiments):
    """A document with one claim; an experiment is a test accuracy, or a whole experiment."""
    written = {
        name: each if isinstance(each, dict) else {"printed": {"test_accuracy": each}}
        for name, each in experiments.items()
    }
    content = {"title": "t", "unit": unit, "images": {"test": 10_000, "train": 60_000}, "experiments": written}
    return read_document(strict_yaml.dump(content | {"claims": {"it": {"says": "It is so."} | claim}}))


def finding(claim, **experiments):
    return check(document(claim, **experiments))[0]


def verdict(claim, **experiments):
    return finding(claim, **experiments).verdict


def over_seeds(claims, **results):
    """The first verdict on results of our own, of runs without a setup."""
    evidence = {name: evidence_of_runs(claims, name, values) for name, values in results.items()}
    return check_over_seeds(claims, evidence)[0]


def experiment(accuracy, **settings):
    return {"settings": settings, "printed": {"test_accuracy": accuracy}}


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(["test_accuracy", "macro_f1"]))
def test_turning_the_experiments_round_mirrors_the_verdict(one, other, measure):
    experiments = {name: {"printed": {measure: number / 100}} for name, number in (("a", one), ("b", other))}
    forth = verdict({"higher": ["a", "b"], "measure": measure}, **experiments)
    assert verdict({"higher": ["b", "a"], "measure": measure}, **experiments) == MIRROR[forth]
    assert verdict({"lower": ["b", "a"], "measure": measure}, **experiments) == forth


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"higher": ["a", "b"]}, "supported"),
        ({"higher": ["b", "a"]}, "contradicted"),
        ({"higher": ["b", "c"]}, "tie"),
        ({"higher": ["a", "c"], "by": 3}, "supported"),
        ({"higher": ["a", "c"], "by": 5}, "tie"),
        ({"higher": ["a", "c"], "by": 7}, "contradicted"),
        ({"best": ["a", "b", "c"]}, "supported"),
        ({"best": ["b", "a", "c"]}, "contradicted"),
        ({"best": ["b", "c"]}, "tie"),
        ({"worst": ["c", "a"]}, "supported"),
        ({"worst": ["c", "a", "b"]}, "tie"),
        ({"worst": ["a", "b", "c"]}, "contradicted"),
        ({"order": ["a", "b", "c"]}, "tie"),
        ({"order": ["c", "b", "a"]}, "contradicted"),
        ({"exceeds": ["a", "b"], "by": 91}, "supported"),
        ({"exceeds": ["a", "b"], "by": 92}, "tie"),
        ({"exceeds": ["a", "b"], "by": 95}, "contradicted"),
        ({"below": ["b", "c"], "by": 95}, "supported"),
        ({"below": ["d"], "by": 95}, "no experiment"),
        # 92.1 and 92 differ by 0.1 +- 0.75, and 92 itself is +- 0.53
        ({"equal": ["b", "c"], "within": 1}, "supported"),
        ({"equal": ["b", "c"], "within": 0.5}, "tie"),
        ({"equal": ["a", "c"], "within": 1}, "contradicted"),
        ({"near": ["c"], "by": 92.3, "within": 1}, "supported"),
        ({"near": ["c"], "by": 92.3, "within": 0.5}, "tie"),
        ({"near": ["a"], "by": 92.3, "within": 1}, "contradicted"),
        ({"near": ["c"], "by": 95, "within": 1}, "contradicted"),
        ({"higher": ["a", "d"]}, "no experiment"),
        ({"best": ["a", "b", "d"]}, "no experiment"),
    ],
)
def test_relations(claim, expected):
    assert verdict(claim, a=97, b=92.1, c=92, d={}) == expected


def test_above_a_number_by_hand():
    # (97.40 - 97) / sqrt(0.974 0.026 / 10000) = 0.40 / 0.15914 = 2.5136 points
    found = finding({"exceeds": ["a"], "by": 97}, a=97.4)
    assert found.differences[0].statistic == pytest.approx(2.5136, abs=1e-4)
    assert "test accuracy 97.40, above 97 (95 % interval 97.09 to 97.71" in found.arithmetic[0]


def test_of_a_loss_the_lowest_is_the_best():
    losses = {name: {"printed": {"test_loss": [x, x + 0.01, x + 0.02]}} for name, x in {"a": 0.1, "b": 0.5}.items()}
    assert verdict({"best": ["a", "b"], "measure": "test_loss"}, **losses) == "supported"
    assert verdict({"worst": ["b", "a"], "measure": "test_loss"}, **losses) == "supported"
    assert verdict({"order": ["b", "a"], "measure": "test_loss"}, **losses) == "contradicted"


def test_a_trend_is_ordered_by_the_setting_however_the_claim_lists_it():
    by_batch = {"b64": experiment(95, bs=64), "b16": experiment(90, bs=16), "b32": experiment(93, bs=32)}
    assert verdict({"rises": ["b64", "b16", "b32"], "over": "batch"}, **by_batch) == "supported"
    assert verdict({"falls": ["b64", "b16", "b32"], "over": "batch"}, **by_batch) == "contradicted"


def test_a_trend_over_what_is_not_stated_is_refused():
    with pytest.raises(UsageError, match=r"claims\.it: rises over epochs: a must state it as a number, got None"):
        verdict({"rises": ["a", "b"], "over": "epochs"}, a=90, b=91)


@pytest.mark.parametrize(
    ("a", "b", "cause", "expected"),
    [
        ({"activation": "relu"}, {"activation": "tanh"}, [], "supported"),
        ({"activation": "relu", "epochs": 9}, {"activation": "tanh", "epochs": 5}, [], "confounded"),
        ({"activation": "relu", "epochs": 9}, {"activation": "tanh", "epochs": 5}, ["act"], "confounded"),
        ({"activation": "relu", "epochs": 9}, {"activation": "tanh", "epochs": 5}, ["act", "epochs"], "supported"),
        ({"activation": "relu"}, {"activation": "ReLU"}, ["activation"], "no experiment"),
        ({"optimizer": "adam", "beta1": 0.5}, {"optimizer": "sgd"}, ["optimizer"], "supported"),
        ({"optimizer": "adam", "lr": 1e-3}, {"optimizer": "sgd", "lr": 0.1}, ["optimizer"], "confounded"),
        ({"activation": "relu", "weight_decay": 1e-4}, {"activation": "tanh"}, [], "confounded"),
        ({"book": "A"}, {"book": "B"}, ["book"], "supported"),
        ({"sz": 128}, {"hidden_size": "128"}, ["sz"], "no experiment"),
    ],
)
def test_only_the_cause_may_differ(a, b, cause, expected):
    found = finding({"higher": ["a", "b"], "cause": cause}, a=experiment(97, **a), b=experiment(90, **b))
    assert found.verdict == expected


def test_confounders_are_named_with_both_values():
    a, b = experiment(97, optimizer="adam", epochs=9), experiment(90, optimizer="sgd", epochs=5)
    lines = finding({"higher": ["a", "b"], "cause": ["optimizer"]}, a=a, b=b).arithmetic
    assert "Besides optimizer, these differ: epochs (9 against 5)." in lines


def test_which_is_best_is_no_question_of_causes():
    a, b = experiment(97, optimizer="adam", epochs=9), experiment(90, optimizer="sgd", epochs=5)
    assert verdict({"best": ["a", "b"]}, a=a, b=b) == "supported"


def test_like_takes_the_settings_over():
    base = experiment(90, activation="tanh", epochs=5)
    changed = {"like": "base", "settings": {"epochs": 9}, "printed": {"test_accuracy": 97}}
    assert verdict({"higher": ["more", "base"], "cause": ["epochs"]}, base=base, more=changed) == "supported"


def test_a_confusion_matrix_is_counted():
    counted = {"printed": {"test_accuracy": 80, "confusion_matrix": [[50, 0], [20, 30]]}}
    claim = {"same": ["a"], "measures": ["test_accuracy", "counted_accuracy"]}
    assert verdict(claim, a=counted) == "supported"
    counted["printed"]["test_accuracy"] = 81
    assert verdict(claim, a=counted) == "contradicted"


def test_two_measures_differ_when_one_experiment_shows_it():
    alike = {"printed": {"test_accuracy": 80, "recall": 80}}
    apart = {"printed": {"test_accuracy": 80, "recall": 79.5}}
    claim = {"distinct": ["a", "b"], "measures": ["test_accuracy", "recall"]}
    assert verdict(claim, a=alike, b=apart) == "supported"
    assert verdict(claim, a=alike, b=alike) == "contradicted"


def test_without_images_nothing_is_told_apart():
    # a validation accuracy, and no number of validation images
    found = finding(
        {"higher": ["a", "b"], "measure": "validation_accuracy"},
        a={"printed": {"validation_accuracy": 97}},
        b={"printed": {"validation_accuracy": 90}},
    )
    assert found.verdict == "tie"
    assert "state `images`" in found.arithmetic[0]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([97.1, 97.3, 97.2], [95.0, 95.2, 95.1], "holds"),
        ([95.0, 95.2, 95.1], [97.1, 97.3, 97.2], "does not hold"),
        ([97.1, 95.0, 96.2], [97.0, 95.3, 96.0], "undecided"),
        ([97.1], [90.0], "undecided"),
        ([], [90.0, 91.0], "no experiment"),
    ],
)
def test_over_seeds_of_our_own(a, b, expected):
    claims = document({"higher": ["a", "b"]}, a=10, b=90)  # what is printed has no say
    results = {name: {"test_accuracy": values} if values else {} for name, values in (("a", a), ("b", b))}
    assert over_seeds(claims, **results).verdict == expected


def runs_of(document, values, measure="test_accuracy", **settings):
    """Evidence of one run a value, the first with seed 0."""
    config = RunConfig(dataset="digits").replaced(**settings)
    setups = [Setup(config.replaced(seed=seed)) for seed in range(len(values))]
    return lambda name: evidence_of_runs(document, name, {measure: values}, setups)


def judged(claim, a, b):
    """The verdict on a claim about two experiments of runs."""
    claims = document(claim, a=1, b=1)
    return check_over_seeds(claims, {"a": runs_of(claims, **a)("a"), "b": runs_of(claims, **b)("b")})[0]


def test_runs_are_compared_in_pairs():
    """Seeds that move both experiments alike hide a difference from an unpaired test."""
    one, other = [97.1, 95.0, 96.2], [96.6, 94.6, 95.6]  # differences 0.5, 0.4, 0.6
    paired = judged(
        {"higher": ["a", "b"]}, {"values": one, "activation": "relu"}, {"values": other, "activation": "tanh"}
    )
    assert paired.verdict == "holds"
    assert "paired over 3 seeds" in paired.sentence
    assert "paired over 3 seeds" in paired.arithmetic[0]
    assert (
        over_seeds(
            document({"higher": ["a", "b"]}, a=1, b=1), a={"test_accuracy": one}, b={"test_accuracy": other}
        ).verdict
        == "undecided"
    )


def test_runs_that_are_equal_in_each_pair_are_not_higher():
    sides = ({"values": [97.0, 96.0], "backend": "torch"}, {"values": [97.0, 96.0], "backend": "handgrad"})
    found = judged({"higher": ["a", "b"], "cause": ["framework"]}, *sides)
    assert found.verdict == "does not hold"
    assert "not one pair differs" in found.sentence
    assert judged({"lower": ["a", "b"], "cause": ["framework"]}, *sides).verdict == "does not hold"
    assert judged({"equal": ["a", "b"], "within": 0.1}, *sides).verdict == "holds"


def test_runs_are_compared_by_all_their_settings():
    """The document states nothing; the runs differ in their learning rates besides."""
    found = judged(
        {"higher": ["a", "b"], "cause": ["activation"]},
        {"values": [97.1, 97.3, 97.2], "activation": "relu", "learning_rate": 0.003},
        {"values": [95.0, 95.2, 95.1], "activation": "tanh", "learning_rate": 0.006},
    )
    assert found.verdict == "confounded"
    assert "Besides activation, these differ: learning_rate (0.003 against 0.006)." in found.sentence
    assert 'A run of "a" with the activation of "b" is missing.' in found.sentence


def test_what_decides_and_what_would_change_the_verdict():
    one, few = (
        {"values": [97.0, 96.0, 98.0], "activation": "relu"},
        {"values": [96.0, 94.0, 95.0], "activation": "tanh"},
    )
    # differences 1, 2, 3: mean 2, interval -0.48 to 4.48; four such seeds decide (tests/evaluation/test_differences.py)
    undecided = judged({"higher": ["a", "b"]}, one, few).sentence
    assert "2.00 points (95 % interval -0.48 to 4.48)" in undecided
    assert "or about 4 seeds, by the spread of these (an estimate)" in undecided
    # differences 5, 6, 7: within 2.48 of 0 it would be undecided
    far = {"values": [92.0, 90.0, 91.0], "activation": "tanh"}
    assert "within 2.48 points of 0 it would be undecided" in judged({"higher": ["a", "b"]}, one, far).sentence


def test_what_was_fitted_shows_nothing():
    choice = {"value": 0.1, "why": "near", "how": "fitted to the printed number", "fits": ["a"]}
    a = {"printed": {"test_accuracy": 1}, "open": {"learning_rate": choice}}

    def verdict_on(claim):
        values = {"test_accuracy": [97.1, 97.3, 97.2], "parameters": [9, 9, 9]}
        others = {"test_accuracy": [95.0, 95.2, 95.1], "parameters": [5, 5, 5]}
        return over_seeds(document(claim, a=a, b=1), a=values, b=others)

    found = verdict_on({"higher": ["a", "b"]})
    assert found.verdict == "fitted"
    assert "learning_rate was chosen to give a printed number; a sweep of it would tell." in found.sentence
    assert verdict_on({"higher": ["a", "b"], "measure": "parameters"}).verdict == "holds"  # which no rate changes


def test_a_claim_needs_all_of_its_comparisons():
    found = finding({"best": ["a", "b", "c"]}, a=97, b=92, c=96.5)
    assert found.p == max(each.p for each in found.differences) > min(each.p for each in found.differences)


def test_holm_by_hand():
    claims = {
        name: {"says": name, "higher": pair}
        for name, pair in {"first": ["a", "b"], "second": ["a", "c"], "none": ["a", "d"]}.items()
    }
    content = {"title": "t", "unit": "percent", "images": {"test": 10_000}, "claims": claims}
    experiments = {name: {"printed": {"test_accuracy": x}} for name, x in {"a": 97.4, "b": 97.0, "c": 96.8}.items()}
    found = check(read_document(strict_yaml.dump(content | {"experiments": experiments | {"d": {}}})))
    # two have a p-value; the smaller is doubled, and the larger stays, as 2 times the smaller is below it
    assert found[1].p_holm == pytest.approx(2 * found[1].p)
    assert found[0].p_holm == pytest.approx(max(found[0].p, 2 * found[1].p))
    assert (found[2].p, found[2].p_holm) == (None, None)
    assert "after Holm's correction over 2 claims" in found[1].arithmetic[-1]
    assert "Holm" not in " ".join(found[0].arithmetic)  # its own p is above 0.05, and no correction lowers it


def test_gaps_over_seeds_are_taken_seed_by_seed():
    claims = document({"higher": ["a", "b"], "measure": "gap"}, a=1, b=1)
    wide = {"train_accuracy": [99.0, 98.0, 99.5], "test_accuracy": [95.0, 94.1, 95.4]}  # gaps 4.0, 3.9, 4.1
    narrow = {"train_accuracy": [99.0, 98.0, 99.5], "test_accuracy": [98.0, 97.1, 98.4]}  # gaps 1.0, 0.9, 1.1
    found = over_seeds(claims, a=wide, b=narrow)
    assert found.verdict == "holds"
    assert found.differences[0].value == pytest.approx(3.0)


def test_counts_do_not_vary_from_seed_to_seed():
    claims = document({"lower": ["a", "b"], "measure": "parameters"}, a=1, b=1)
    results = {"a": {"parameters": [2174, 2174, 2174]}, "b": {"parameters": [109_386, 109_386, 109_386]}}
    assert over_seeds(claims, **results).verdict == "holds"


def test_findings_as_json_have_no_nan():
    found = finding({"higher": ["a", "b"]}, a={"printed": {"test_accuracy": [97]}}, b=90)
    bare = finding(
        {"higher": ["a", "b"], "measure": "test_loss"}, a={"printed": {"test_loss": 1}}, b={"printed": {"test_loss": 2}}
    )
    text = json.dumps([found.to_mapping(), bare.to_mapping()], allow_nan=False)
    assert json.loads(text)[1]["differences"][0]["p"] is None


def test_summary_counts_each_verdict():
    verdicts = [ClaimVerdict("n", "s", verdict, [], []) for verdict in ("tie", "supported", "tie", "no experiment")]
    assert summary(verdicts) == "4 claims: 1 supported, 2 ties, 1 no experiment"


def test_markdown_has_no_html():
    text = markdown("a | b", [ClaimVerdict("n", "x_1 *is* <b>", "tie", ["1 | 2"], [])])
    assert "| x_1 *is* &lt;b&gt; | **tie** |" in text
    assert "# a | b" in text
