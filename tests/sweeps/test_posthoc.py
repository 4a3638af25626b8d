"""What is done with a sweep that is over: real sweeps of the digits."""

import json
import shutil

import numpy as np
import pytest
from tests.sweeps.conftest import AFTER, BASE, Notes, drive

from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.errors import CorruptDataError, DivergedError, FileSystemError, UsageError
from handgrad.evaluation import mean_interval, predict, wilson
from handgrad.sweeps import read_sweep
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.folder import Settings, create_sweep
from handgrad.sweeps.posthoc.test import evaluate_ensemble, evaluate_on_test, first_of, networks, ranking, read_chosen
from handgrad.sweeps.posthoc.transfer import choose_for, open_transfer, outcome_of, page, save


def accuracy(sweep, trial):
    """On the test images, by the network that the run keeps."""
    digits = load("digits")
    return float(np.mean(sweep.run(trial).load_model().logits(digits.x_test).argmax(axis=1) == digits.y_test))


class TestTestImages:
    def test_the_best_is_looked_at_once_and_kept(self, sweep):
        entries = ranking(sweep)
        (record,) = evaluate_on_test(sweep, entries[:1])
        best = sweep.best()
        assert (record["trial"], record["run"], record["values"]) == (best.number, best.run, best.values)
        assert record["test_accuracy"] == accuracy(sweep, best)
        expected = wilson(round(record["test_accuracy"] * 359), 359)
        assert (record["low"], record["high"], record["images"]) == (expected.low, expected.high, 359)
        sweep.run(best).model_file.unlink()  # so that it cannot be asked again
        assert evaluate_on_test(sweep, entries[:1]) == [record]

    def test_a_later_choice_is_added_and_all_are_counted(self, sweep):
        entries = ranking(sweep)
        before = evaluate_on_test(sweep, entries[1:2])
        both = evaluate_on_test(sweep, entries[:2])
        assert both[1] == before[0]
        told = json.loads((sweep.path / "chosen.json").read_text())
        assert told["tested"] == len(told["configurations"]) == 2
        assert [each["rank"] for each in told["configurations"]] == [2, 1]

    def test_nothing_is_looked_at_unasked(self, sweep):
        ranking(sweep)
        assert read_chosen(sweep) == []
        assert all(sweep.run(trial).metrics["test"]["accuracy"] is None for trial in sweep.trials())

    def test_over_seeds_it_is_their_mean(self, make_sweep):
        sweep = make_sweep({"learning_rate": (0.003,), "activation": ("relu", "tanh")}, seeds=3)
        drive(sweep)
        (record,) = evaluate_on_test(sweep, ranking(sweep)[:1])
        accuracies = [accuracy(sweep, trial) for trial in ranking(sweep)[0].trials]
        expected = mean_interval(accuracies)
        assert len(accuracies) == 3
        assert (record["test_accuracy"], record["low"], record["high"]) == expected[:3]
        assert record["over"] == "seeds"
        assert [each["seed"] for each in record["networks"]] == [0, 1, 2]

    def test_damaged(self, sweep):
        (sweep.path / "chosen.json").write_text("{")
        with pytest.raises(CorruptDataError, match=r"chosen.json is damaged"):
            evaluate_on_test(sweep, ranking(sweep)[:1])


class TestNetworksOfOtherMachines:
    @pytest.mark.parametrize("state", ["finished", "stopped"])
    def test_a_missing_run_is_trained_again_to_the_same_bits(self, sweep, state):
        trial = next(trial for trial in sweep.trials() if trial.state == state)
        run, told = sweep.run(trial), []
        content = run.model_file.read_bytes()
        shutil.rmtree(run.path)
        (kept,) = networks(sweep, [trial], told.append)
        assert kept.run.model_file.read_bytes() == content
        assert told == [f"{trial.run}: it ran on another machine, so it is trained again"]
        assert f"trained again, validation_accuracy {trial.objective:.4f}, {trial.objective:.4f} before" in kept.note
        assert not run.checkpoints.exists()

    def test_a_missing_network_is_trained_again_in_its_folder(self, sweep):
        trial = sweep.best()
        content = sweep.run(trial).model_file.read_bytes()
        sweep.run(trial).model_file.unlink()
        (kept,) = networks(sweep, [trial])
        assert kept.run.model_file.read_bytes() == content
        assert "its network is missing" in kept.note

    def test_what_is_there_is_left_alone(self, sweep):
        (kept,) = networks(sweep, [sweep.best()], pytest.fail)
        assert kept.note == ""

    def test_one_that_cannot_be_trained_here(self, make_sweep, tmp_path, monkeypatch):
        digits = load("digits")
        path = tmp_path / "mine.npz"
        np.savez(path, x=digits.x_train, y=digits.y_train)
        sweep = make_sweep({"activation": ("relu", "tanh")}, base={"dataset": str(path)})
        drive(sweep)
        shutil.rmtree(sweep.run(sweep.best()).path)
        path.unlink()
        monkeypatch.setattr("handgrad.runs.executor.worker._LOADED", {})  # as in a new process
        with pytest.raises(UsageError, match=r"ac_\w+ cannot be trained again here: refused, .*mine\.npz"):
            networks(sweep, [sweep.best()])


class TestEnsembles:
    def test_it_is_the_mean_of_its_members_probabilities(self, sweep):
        entries = ranking(sweep)[:3]
        outcome = evaluate_ensemble(sweep, entries)
        digits = load("digits")
        models = [sweep.run(entry.trials[0]).load_model() for entry in entries]
        said = [predict(model, digits.x_test, digits.y_test).scores for model in models]
        right = np.mean(said, axis=0).argmax(axis=1) == digits.y_test
        best = said[0].argmax(axis=1) == digits.y_test
        assert outcome.test.mean == np.mean(right)
        assert (outcome.gain.b, outcome.gain.c) == (np.sum(right & ~best), np.sum(best & ~right))
        assert [member.rank for member in outcome.members] == [1, 2, 3]
        assert [member.validation.mean for member in outcome.members] == [e.objective.mean for e in entries]
        kept = json.loads((sweep.path / "ensemble" / "all_3.json").read_text())
        assert kept["test_accuracy"]["mean"] == outcome.test.mean
        assert [each["rank"] for each in kept["members"]] == [1, 2, 3]

    def test_validation_selects_greedily(self, sweep):
        entries = ranking(sweep)
        outcome = evaluate_ensemble(sweep, entries, "greedy")
        assert outcome.candidates == len(entries) > len(outcome.members)
        assert outcome.validation.mean >= entries[0].objective.mean
        assert {member.weight for member in outcome.members} <= set(range(1, 51))

    def test_its_members_count_as_looked_at(self, sweep):
        evaluate_ensemble(sweep, ranking(sweep)[:2])
        assert [record["rank"] for record in read_chosen(sweep)] == [1, 2]
        assert read_chosen(sweep)[0]["test_accuracy"] == accuracy(sweep, sweep.best())

    def test_one_is_no_ensemble(self, sweep):
        with pytest.raises(UsageError, match=r"two configurations or more, got 1 \(--top\)"):
            evaluate_ensemble(sweep, ranking(sweep)[:1])


def go_over(sweep, top=2, seeds=1, **settings):
    choice = choose_for(sweep, ranking(sweep), top, settings)
    there = open_transfer(sweep, choice.picks, settings, seeds)
    notes = Notes()
    drive(there, callback=notes)
    return outcome_of(sweep, there, choice, settings), there, notes.trials


class TestTransfer:
    @pytest.mark.slow
    def test_the_chosen_ones_are_run_on_the_other_data_and_tested(self, sweep, negatives):
        outcome, there, _ = go_over(sweep, 3, dataset=negatives)
        assert there.path == sweep.path / "transfer" / "negatives"
        validation = [row.validation for row in outcome.rows]
        assert validation == sorted(validation, reverse=True)
        other = load(negatives)
        for row in outcome.rows:
            (member,) = row.configuration.members
            config = member.run.config
            assert (config.dataset, config.epochs) == (negatives, BASE["epochs"])
            assert row.pick.entry.values == {name: getattr(config, name) for name in AFTER}
            assert row.configuration.accuracy.mean == np.mean(
                member.run.load_model().logits(other.x_test).argmax(axis=1) == other.y_test
            )
        assert outcome.rows[0].pick in outcome.choice.picks
        assert len(outcome.pairs) == 3
        save(there.path, outcome)
        kept = json.loads((there.path / "transfer.json").read_text())
        assert {each["letter"] for each in kept["configurations"]} == {"A", "B", "C"}
        assert "| A |" in (there.path / "transfer.md").read_text()
        assert page(outcome).startswith(f"# first on {negatives}")

    def test_none_of_them_is_stopped_early(self, sweep, negatives):
        outcome, there, _ = go_over(sweep, dataset=negatives)
        assert {trial.state for trial in there.trials()} == {"finished"}
        assert not outcome.failed

    @pytest.mark.slow
    def test_the_same_again_runs_nothing_and_more_runs_what_is_missing(self, sweep, negatives):
        first, _, _ = go_over(sweep, 2, dataset=negatives)
        again, _, ran = go_over(sweep, 2, dataset=negatives)
        assert not ran
        assert [row.configuration.accuracy for row in again.rows] == [row.configuration.accuracy for row in first.rows]
        more, _, ran = go_over(sweep, 3, seeds=2, dataset=negatives)
        assert [len(row.configuration.members) for row in more.rows] == [2, 2, 2]
        assert len(ran) == 4
        assert {row.over for row in more.rows} == {"seeds"}
        assert {pick.entry.rank for pick in first.choice.picks} < {pick.entry.rank for pick in more.choice.picks}

    @pytest.mark.slow
    def test_settings_hold_for_all_of_them(self, sweep, negatives):
        _, there, _ = go_over(sweep, dataset=negatives, epochs=1)
        assert {there.run(trial).config.epochs for trial in there.trials()} == {1}
        with pytest.raises(UsageError, match="begun with other settings"):
            go_over(sweep, dataset=negatives, epochs=2)

    def test_a_varied_data_set_is_held(self, make_sweep, negatives):
        sweep = make_sweep({"dataset": ("digits", negatives), "activation": ("relu", "tanh")})
        drive(sweep)
        outcome, _, _ = go_over(sweep, 2, dataset=negatives)
        assert {row.pick.entry.values["activation"] for row in outcome.rows} == {"relu", "tanh"}

    def test_what_diverges_there_is_told_and_the_others_are_compared(self, make_sweep, negatives):
        """Weight decay 1000 with learning rate 0.003 makes of a weight -2 times itself in every step: 82 steps are
        finite, 287 are not.
        """
        base = {"optimizer": "sgd", "num_layers": 0}
        sweep = make_sweep({"weight_decay": (0.0, 1000.0)}, base=base)
        drive(sweep)
        outcome, there, _ = go_over(sweep, 2, dataset=negatives, epochs=7)
        assert [row.pick.entry.values for row in outcome.rows] == [{"weight_decay": 0.0}]
        assert [trial.values for trial in outcome.failed] == [{"weight_decay": 1000.0}]
        assert not outcome.pairs
        assert "- wd_1000 failed: training diverged" in page(outcome)
        save(there.path, outcome)
        (failed,) = json.loads((there.path / "transfer.json").read_text())["failed"]
        assert failed["run"] == "wd_1000"

    def test_where_all_diverge(self, make_sweep, negatives):
        sweep = make_sweep({"weight_decay": (1000.0, 1001.0)}, base={"optimizer": "sgd", "num_layers": 0})
        drive(sweep)
        with pytest.raises(DivergedError, match=r"no configuration has a result in \S+: training diverged"):
            go_over(sweep, 2, dataset=negatives, epochs=7)


REFUSED = {
    "the same data": ({"dataset": "digits"}, "digits is what .* was run on: name another data set"),
    "a place": ({"dataset": "mnist", "runs_dir": "elsewhere"}, "leave --runs_dir out"),
    "a varied setting": ({"dataset": "mnist", "learning_rate": 0.1}, "learning_rate is what the sweep varied"),
}


@pytest.mark.parametrize(("settings", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_transfer_that_makes_no_sense(sweep, settings, reason):
    with pytest.raises(UsageError, match=reason):
        go_over(sweep, **settings)


def test_the_same_data_that_the_file_names(tmp_path):
    parameters = {"dataset": {"value": "digits"}, "act": {"values": ["relu", "tanh"]}}
    definition = read_sweep({"method": "grid", "parameters": parameters})
    base = RunConfig(**{**BASE, "dataset": "mnist"})
    sweep = create_sweep(tmp_path / "named", definition, base, Settings("grid"))
    drive(sweep)
    with pytest.raises(UsageError, match="digits is what"):
        go_over(sweep, dataset="digits")


def test_a_network_that_does_not_fit_the_other_data(tmp_path):
    digits = load("digits")
    np.savez(tmp_path / "corners.npz", x=digits.x_train[:, :2, :2], y=digits.y_train)
    layers = {"values": [["max_pool:4", "flatten", "dense:10"], ["max_pool:4", "flatten", "dense:12", "dense:10"]]}
    definition = read_sweep({"method": "grid", "parameters": {"layers": layers}})
    base = {name: BASE[name] for name in ("dataset", "epochs", "batch_size", "optimizer", "learning_rate", "schedule")}
    sweep = create_sweep(tmp_path / "layers", definition, RunConfig(**base), Settings("grid"))
    drive(sweep)
    reason = r"trial \d, \S+, cannot be transferred to \S+corners.npz: a pool of shape \(4, 4\) does not fit"
    with pytest.raises(UsageError, match=reason):
        go_over(sweep, dataset=str(tmp_path / "corners.npz"))
    assert not (sweep.path / "transfer").exists()


def test_no_more_than_there_are(sweep):
    with pytest.raises(UsageError, match=r"top must be at most 12, the configurations with a result, got 13 \(--top\)"):
        first_of(ranking(sweep), 13)


def test_a_sweep_without_a_result(make_sweep):
    with pytest.raises(UsageError, match=r"has no finished trial yet: go on with `handgrad sweep resume"):
        ranking(make_sweep())


def test_a_sweep_that_is_driven(sweep):
    with open_storage(sweep.storage_url), pytest.raises(FileSystemError, match=r"first is still running"):
        ranking(sweep)
