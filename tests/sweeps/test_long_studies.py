"""Sweeps of thousands of trials: what is settled costs nothing more, and what is written waits for no disk."""

import os
import random
from collections import Counter

import pytest
from tests.sweeps.conftest import BASE, Notes, drive

from handgrad.config import RunConfig
from handgrad.runs import execute
from handgrad.sweeps import SweepDefinition, driver
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.driver import Scheduler
from handgrad.sweeps.samplers import Random
from handgrad.sweeps.space import Categorical
from handgrad.sweeps.store import FAILED, FINISHED, LOST, STOPPED, Trial, TrialStore


def test_settled_trials_are_not_read_again(make_sweep, monkeypatch):
    sweep, read = make_sweep(), []
    original = TrialStore._trial
    monkeypatch.setattr(
        TrialStore, "_trial", lambda self, fields: read.append(fields["number"]) or original(self, fields)
    )
    with open_storage(sweep.storage_url) as (drivers, storage):
        store = TrialStore(storage, sweep.study, sweep.definition)
        scheduler = Scheduler(sweep, store)
        for _ in range(6):
            trial = scheduler.claim(drivers, set())
            store.finish(trial.number, FINISHED, objective=0.5)
        running, lost = scheduler.claim(drivers, set()), scheduler.claim(drivers, set())
        store.note(lost, state=LOST)
        read.clear()
        assert [trial.number for trial in store.trials()] == list(range(8))
        assert sorted(read) == [running.number, lost.number]
        assert [trial.number for trial in store.open()] == [running.number, lost.number]


def test_the_only_configuration_has_all_its_seeds(make_sweep):
    sweep = make_sweep({"activation": ["relu"]}, seeds=3)
    with open_storage(sweep.storage_url) as (drivers, storage):
        scheduler = Scheduler(sweep, TrialStore(storage, sweep.study, sweep.definition))
        claimed = [scheduler.claim(drivers, set()) for _ in range(4)]
    assert [trial and (trial.seed, trial.replicate) for trial in claimed] == [(0, 0), (1, 1), (2, 2), None]


def test_what_is_counted_is_what_there_is(make_sweep):
    """Sixty trials of two drivers in an order of their own; a third one reads them all at the end."""
    sweep, choice = make_sweep({"learning_rate": [n / 1000 for n in range(1, 61)]}), random.Random(3)
    with open_storage(sweep.storage_url) as (_, storage):
        one, other = (TrialStore(storage, sweep.study, sweep.definition) for _ in range(2))
        for n in range(60):
            mine = choice.choice([one, other])
            trial = mine.add(Trial(0, {"learning_rate": (n + 1) / 1000}, f"run-{n}", seed=0))
            state = choice.choice([FINISHED, FINISHED, STOPPED, FAILED, LOST, "running"])
            if state == LOST:
                mine.note(trial, state=LOST)
            elif state != "running":
                objective = None if state == FAILED else choice.randrange(5) / 5
                mine.finish(trial.number, state, objective=objective)
            if n % 7 == 0:
                one.trials(), other.trials()
        for store in (one, other, TrialStore(storage, sweep.study, sweep.definition)):
            trials = store.trials()
            assert len(trials) == 60
            assert +store.states == Counter(trial.state for trial in trials)
            assert store.best == sweep.best(trials)


def test_random_search_to_the_last_configuration_goes_as_if_it_began_anew_each_time():
    definition = SweepDefinition({"batch_size": Categorical(tuple(range(1, 41)))})
    base, taken, kept = RunConfig(**BASE), set(), Random(definition, RunConfig(**BASE), 5)
    for ordinal in range(40):
        values = kept.suggest(ordinal, taken, ())
        assert values == Random(definition, base, 5).suggest(ordinal, taken, ())
        taken.add(definition.key(values))
    assert len(taken) == 40
    assert kept.suggest(40, taken, ()) is None


@pytest.fixture
def synced(monkeypatch):
    """The files that were brought to the disk."""
    paths, original = [], os.fsync

    def sync(descriptor):
        paths.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    return paths


def test_a_run_in_trial_mode_waits_for_no_disk_until_it_is_flushed(tmp_path, synced):
    config = RunConfig(**BASE, runs_dir=str(tmp_path), name="trial")
    run = execute(config, trial_mode=True)
    assert synced == []
    run.flush()
    assert {"config.yaml", "metrics.json", "model.safetensors", "history.jsonl", "trial"} <= set(synced)
    synced.clear()
    execute(config.replaced(name="whole"))
    assert len(synced) > 10


def test_a_trial_is_settled_when_its_files_are_on_the_disk(make_sweep, monkeypatch):
    happened, original = [], driver.flush

    def flush(run):
        original(run)
        happened.append(("flushed", run.name))

    class Order(Notes):
        def trial_ended(self, trial, progress):
            happened.append(("settled", trial.run))

    monkeypatch.setattr(driver, "flush", flush)
    sweep = make_sweep(base={"epochs": 1})
    drive(sweep, jobs=2, callback=Order())
    names = [trial.run for trial in sweep.trials()]
    assert len(names) == 12
    assert len(happened) == 24
    for name in names:
        assert happened.index(("flushed", name)) < happened.index(("settled", name))
