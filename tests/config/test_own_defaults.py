"""Numbers that nobody gives are the optimizer's, schedule's, loss's or initialiser's own; giving them says no more."""

from dataclasses import dataclass

import pytest

from handgrad.config import RunConfig, build_optimizer
from handgrad.config.describe import effective_differences
from handgrad.config.presets import OWN, interval_of
from handgrad.config.schema import departures, filled
from handgrad.errors import UsageError, bounded
from handgrad.optim import OPTIMIZERS
from handgrad.runs.store import edits

# What every configuration said before these settings could be None.
EARLIER = {
    "momentum": 0.9,
    "beta": 0.99,
    "beta1": 0.9,
    "beta2": 0.999,
    "label_smoothing": 0.0,
    "schedule_steps": 250,
    "schedule_factor": 0.85,
    "init_scale": 0.05,
}


def test_a_number_that_is_the_optimizers_own_says_no_more_than_none():
    own, given = RunConfig(optimizer="lion"), RunConfig(optimizer="lion", beta2=0.99)
    assert own == given
    assert own.command() == given.command()
    assert own.auto_name() == given.auto_name()
    assert effective_differences(own, given) == {}


def test_another_ones_own_is_a_number_like_any():
    own, adams = RunConfig(optimizer="lion"), RunConfig(optimizer="lion", beta2=0.999)
    assert own != adams
    assert "--beta2 0.999" in adams.command()
    assert effective_differences(own, adams) == {"beta2": (0.99, 0.999)}


def test_a_given_number_stays_with_another_optimizer():
    assert build_optimizer(RunConfig(optimizer="adam", beta2=0.999).replaced(optimizer="lion")).beta2 == 0.999
    assert build_optimizer(RunConfig(optimizer="adam").replaced(optimizer="lion")).beta2 == 0.99


def test_numbers_of_their_own_are_part_of_a_choice():
    adam, lion = RunConfig(optimizer="adam"), RunConfig(optimizer="lion")
    assert effective_differences(adam, lion).keys() == {"optimizer", "learning_rate"}
    assert effective_differences(adam, lion.replaced(beta2=0.5)).keys() == {"optimizer", "learning_rate", "beta2"}


OF_THEN = ["sgd", "momentum", "nag", "rmsprop", "adam", "nadam", "adamw", "adagrad", "eve"]


@pytest.mark.parametrize("optimizer", OF_THEN)
def test_a_configuration_of_an_earlier_version_is_the_same(optimizer):
    now = RunConfig(optimizer=optimizer, epochs=3)
    then = RunConfig.from_mapping(now.to_mapping() | EARLIER)
    assert then == now
    assert departures(then) == departures(now)
    assert filled(now) == filled(then) == now.to_mapping() | EARLIER
    assert edits({"config": now.to_mapping() | EARLIER}, now) == {}
    assert edits({"config": now.to_mapping()}, then) == {}


@pytest.mark.parametrize("setting", OWN)
def test_every_one_is_none_until_it_is_given(setting):
    assert getattr(RunConfig(), setting) is None
    assert RunConfig(**{setting: "none"}) == RunConfig()


def test_bounds_are_the_owners_even_where_nobody_uses_the_setting():
    assert interval_of("beta1") == "[0, 1)"
    for optimizer in ("sgd", "adam"):
        with pytest.raises(UsageError, match=r"beta1 must be in \[0, 1\), got 1.5 \(--beta1\)"):
            RunConfig(optimizer=optimizer, beta1=1.5)


def test_bounds_that_differ_are_joined(monkeypatch):
    @dataclass(frozen=True)
    class Wide(OPTIMIZERS["adam"]):
        beta1: float = bounded(0.9, "(-1, 1]")

    monkeypatch.setitem(OPTIMIZERS, "wide", Wide)
    assert interval_of("beta1") == "(-1, 1]"
    assert interval_of("nothing") == "(-inf, inf)"
