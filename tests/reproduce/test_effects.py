"""Changes of a run: which runs a command line means, and interactions worked by hand."""

from types import SimpleNamespace

import pytest

from handgrad.cli.experiments import document_of, levels_of
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.reproduce import experiment_tables
from handgrad.runs.comparison import Setup

BASE = RunConfig(preset="plain", dataset="digits", epochs=2)


def test_changes_are_read():
    expected = {"batch_norm": [True], "dropout": [0.3], "batch_size": [32, 48]}
    assert levels_of(BASE, ["+batch_norm", "+dropout", "bs=32,48"]) == expected
    assert levels_of(RunConfig(), ["-dropout", "-schedule"]) == {"dropout": [0], "schedule": ["constant"]}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("-batch_norm", "changes nothing"),
        ("+optimizer", "does not say which value"),
        ("+nonsense", "is no change"),
        ("name=x", "is no change"),
        ("batch_size=0", "batch_size"),
    ],
)
def test_what_is_no_change_is_refused(change, why):
    with pytest.raises(UsageError, match=why):
        levels_of(BASE, [change])


def test_few_combinations_are_all_trained_and_of_many_each_alone():
    few = document_of("a", BASE, {"batch_norm": [True], "batch_size": [32, 48]}, 2)
    assert len(few.experiments) == 2 * 3
    many = document_of("a", BASE, {"batch_norm": [True], "batch_size": [1, 2, 3], "dropout": [0.1, 0.2]}, 2)
    assert len(many.experiments) == 1 + (1 + 3 + 2) + 1
    assert many.experiments["change_7"].train == {"batch_norm": True, "batch_size": 1, "dropout": 0.1}


def results(table):
    """`table` has by name the changes of the base and a value a seed."""

    def run(changes, seed):
        return SimpleNamespace(config=BASE.replaced(**changes, seed=seed))

    def reached(name, variant):
        changes, values = table[name]
        if not values:
            return None
        return SimpleNamespace(
            runs=[run(changes, seed) for seed in range(len(values))], values={"test_accuracy": values}
        )

    document = SimpleNamespace(title_of=lambda name: name, scale=100.0)
    return SimpleNamespace(reached=reached, document=document)


@pytest.fixture(autouse=True)
def _setups(monkeypatch):
    monkeypatch.setattr(experiment_tables, "setup_of", lambda run: Setup(run.config))


A, B, C = {"batch_norm": True}, {"batch_size": 32}, {"epochs": 3}


def test_an_interaction_of_two_changes_by_hand():
    """Effects 10 and 20 alone, 25 and 27 together: 5 and 3 less than their sum."""
    table = {"0": ({}, [50.0, 60.0]), "a": (A, [60.0, 70.0]), "b": (B, [70.0, 80.0]), "ab": (A | B, [75.0, 87.0])}
    found = experiment_tables.effects_of(results(table), list(table))
    assert [each.difference.value for each in found.effects] == [10, 20, 26]
    assert [each.interaction and each.interaction.value for each in found.effects] == [None, None, -4]
    # differences -5 and -3: mean -4, s = sqrt(2), standard error 1, t(1, 0.975) = 12.706
    assert found.effects[2].interaction.low == pytest.approx(-16.706, abs=1e-3)
    assert found.effects[2].wholly


def test_three_changes_have_an_interaction_of_their_own():
    """1 + 2 + 4 alone, 8 more for A and B together, 16 more for all three: the pair's 8 is no part of it."""
    alone = {"a": (A, 1.0), "b": (B, 2.0), "c": (C, 4.0)}
    pairs = {"ab": (A | B, 11.0), "ac": (A | C, 5.0), "bc": (B | C, 6.0)}
    values = {"0": ({}, 0.0), **alone, **pairs, "abc": (A | B | C, 31.0)}
    table = {name: (changes, [value, value + 1]) for name, (changes, value) in values.items()}
    found = {each.title: each for each in experiment_tables.effects_of(results(table), list(table)).effects}
    assert [found[name].interaction.value for name in ("ab", "ac", "bc", "abc")] == [8, 0, 0, 16]
    only = {name: row for name, row in table.items() if name not in pairs}
    (last,) = [each for each in experiment_tables.effects_of(results(only), list(only)).effects if each.interaction]
    assert (last.interaction.value, last.wholly) == (24, False)


def test_without_the_base_there_is_nothing_to_compare_with():
    assert experiment_tables.effects_of(results({"0": ({}, []), "a": (A, [1.0])}), ["0", "a"]) is None
    found = experiment_tables.effects_of(results({"0": ({}, [1.0, 2.0]), "a": (A, [])}), ["0", "a"])
    assert found.left_out == ["a has no result"]
