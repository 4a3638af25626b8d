"""What a sweep runs, in which order, how often, and what it writes down: with real runs in threads."""

from itertools import product

import pytest
from tests.slow import quick
from tests.sweeps.conftest import SPACE, Threads, again, drive

from handgrad.errors import IncompleteSweepError, UsageError
from handgrad.runs import list_runs
from handgrad.runs.executor.protocol import Ended
from handgrad.sweeps import Hyperband, Metric
from handgrad.sweeps.folder import changed, create_sweep, open_sweep
from handgrad.sweeps.run_trial import run_trial
from handgrad.sweeps.search import examples, run_sweep

CELLS = sorted(product(*SPACE.values()))
SMALL = {"activation": ("relu", "tanh"), "learning_rate": (0.001, 0.003)}


def cells(trials):
    return sorted(tuple(trial.values[name] for name in SPACE) for trial in trials)


def test_grid_runs_every_cell_once(make_sweep):
    sweep = make_sweep()
    drive(sweep, jobs=2)
    trials = sweep.trials()
    assert cells(trials) == CELLS
    assert {trial.state for trial in trials} == {"finished"}
    assert len(list_runs(sweep.runs_dir)) == len(CELLS)


@pytest.mark.parametrize("method", quick(["random", "bayes"], ["bayes"]))
def test_a_finite_space_is_used_up_without_repetition(make_sweep, method):
    sweep = make_sweep(method=method, configurations=1000)
    drive(sweep, jobs=2)
    assert cells(sweep.trials()) == CELLS


def test_objective_is_that_of_the_network_that_the_run_keeps(make_sweep):
    sweep = make_sweep(SMALL)
    drive(sweep)
    for trial in sweep.trials():
        metrics = sweep.run(trial).metrics
        accuracies = [epoch["validation_accuracy"] for epoch in metrics["epochs"]]
        assert trial.objective == max(accuracies) == metrics["validation"]["accuracy"]
        assert list(trial.epochs.values()) == accuracies
        assert sweep.run(trial).load_model().classes == 10


def test_trials_never_look_at_the_test_images_and_keep_no_checkpoints(make_sweep):
    sweep = make_sweep(SMALL, base={"log_test": True})
    drive(sweep)
    for run in list_runs(sweep.runs_dir):
        assert set(run.metrics["test"].values()) == {None}
        assert all("test_accuracy" not in epoch for epoch in run.metrics["epochs"])
        assert not run.checkpoints.exists()


def test_a_trial_is_the_run_that_its_configuration_says(make_sweep, tmp_path):
    from handgrad.runs import execute

    sweep = make_sweep(SMALL)
    drive(sweep)
    trial = sweep.trials()[2]
    alone = execute(sweep.config(trial).replaced(runs_dir=str(tmp_path / "runs"), name="alone"))
    assert alone.metrics["validation"]["accuracy"] == trial.objective
    assert alone.model_file.read_bytes() == sweep.run(trial).model_file.read_bytes()


@pytest.mark.parametrize("method", quick(["grid", "random"], ["random"]))
def test_one_seed_is_one_sequence(make_sweep, method):
    def sequence(name, seed):
        sweep = make_sweep(name=name, method=method, seed=seed, configurations=3)
        drive(sweep)
        return [trial.values for trial in sweep.trials()]

    first = sequence("a", 1)
    assert sequence("b", 1) == first
    assert sequence("c", 2) != first


@pytest.mark.slow
def test_bayes_goes_on_as_if_it_had_not_stopped(make_sweep):
    whole = make_sweep(name="whole", method="bayes", configurations=12)
    drive(whole)
    parts = make_sweep(name="parts", method="bayes", configurations=7)
    drive(parts)
    drive(again(parts, configurations=12))
    assert [t.values for t in parts.trials()] == [t.values for t in whole.trials()]


def test_trials_is_a_total(make_sweep):
    sweep = make_sweep(configurations=3)
    drive(sweep)
    first = sweep.trials()
    executor, _ = drive(again(sweep, configurations=5))
    assert [task.number for task in executor.tasks] == [3, 4]
    assert sweep.trials()[:3] == first
    executor, _ = drive(again(sweep, configurations=5))
    assert executor.tasks == []


def test_seeds_are_declared_replicates(make_sweep):
    sweep = make_sweep(SMALL, seeds=2)
    drive(sweep, jobs=2)
    runs = [(t.values["activation"], t.values["learning_rate"], t.seed, t.replicate) for t in sweep.trials()]
    assert sorted(runs) == sorted((a, lr, s, s) for a, lr in product(*SMALL.values()) for s in (0, 1))
    assert all(trial.run.endswith(f"_s_{trial.seed}") for trial in sweep.trials())


def test_more_seeds_are_run_for_configurations_that_there_are(make_sweep):
    sweep = make_sweep(configurations=2)
    drive(sweep)
    before = {tuple(t.values.items()) for t in sweep.trials()}
    drive(again(sweep, seeds=3))
    trials = sweep.trials()
    assert len(trials) == 6
    assert {tuple(t.values.items()) for t in trials} == before
    assert sorted(t.seed for t in trials) == [0, 0, 1, 1, 2, 2]


def test_names_are_in_the_course_s_fashion(make_sweep):
    sweep = make_sweep({"num_layers": (3,), "batch_size": (16, 32), "activation": ("tanh", "relu")})
    drive(sweep)
    assert sorted(t.run for t in sweep.trials()) == [
        "bs_16_ac_relu",
        "bs_16_ac_tanh",
        "bs_32_ac_relu",
        "bs_32_ac_tanh",
    ]


def test_a_diverged_run_is_a_failure_and_not_a_result(make_sweep):
    sweep = make_sweep({"learning_rate": (0.003, 1e30)}, base={"optimizer": "sgd"}, method="grid")
    drive(sweep)
    failed = next(t for t in sweep.trials() if t.values["learning_rate"] == 1e30)
    assert failed.state == "failed"
    assert failed.objective is None
    assert "diverged" in failed.why
    executor, _ = drive(again(sweep))
    assert executor.tasks == []  # it would diverge again


def test_values_that_cannot_go_together_fail_without_a_run(make_sweep):
    sweep = make_sweep({"hidden_size": (16, (16, 8)), "num_layers": (2, 3)})
    drive(sweep)
    failed = [t for t in sweep.trials() if t.state == "failed"]
    assert [(t.values["hidden_size"], t.values["num_layers"]) for t in failed] == [((16, 8), 3)]
    assert "num_layers" in failed[0].why


def test_an_early_stop_is_explained(make_sweep):
    space = {"learning_rate": (0.01, 0.005, 0.003, 0.001, 0.0003, 0.0001)}
    stopping = {"early_terminate": Hyperband(min_iter=1, eta=2)}
    sweep = make_sweep(space, base={"epochs": 3}, more=stopping, seed=4)  # good ones first
    _, notes = drive(sweep)
    stopped = [t for t in notes.trials if t.state == "stopped"]
    assert stopped
    for trial in stopped:
        stop = trial.stop
        rivals = [t for t in notes.trials if t.number <= trial.number and stop.rung in t.epochs]
        values = sorted((max(t.epochs[e] for e in range(1, stop.rung + 1)) for t in rivals), reverse=True)
        assert stop.reached == len(rivals)
        assert stop.threshold == values[len(values) // 2]
        assert stop.value < stop.threshold
        assert len(trial.epochs) == stop.rung
        assert f"after epoch {stop.rung}, validation_accuracy {stop.value:.4g} was worse than" in trial.why
        assert trial.why in sweep.run(trial).log_file.read_text()
    assert [t for t in again(sweep).trials() if t.state == "stopped"] == stopped


def test_a_target_that_is_reached_ends_the_sweep(make_sweep):
    sweep = make_sweep(more={"metric": Metric(target=0.05)})
    _, notes = drive(sweep)
    assert 1 <= len(sweep.trials()) < len(CELLS)
    assert "reaches the target" in notes.texts[0]


def test_time_that_is_up_ends_the_sweep_in_peace(make_sweep):
    sweep = make_sweep(method="random", configurations=None)
    _, notes = drive(sweep, hours=0.2 / 3600)
    assert len(notes.trials) == len(sweep.trials())
    assert {trial.state for trial in sweep.trials()} <= {"finished"}


def test_trials_lost_in_a_row_end_the_sweep(make_sweep):
    sweep, full = make_sweep(), Threads(1, lambda task, _: Ended(task.number, "broken", message="no space left"))
    with pytest.raises(IncompleteSweepError, match="12 trials are missing: no space left"):
        drive(sweep, executor=full)
    assert len(full.tasks) == 3 * 3


def test_what_is_lost_is_said_and_run_by_the_next_one(make_sweep):
    def once_broken(task, reporter):
        return Ended(0, "broken", message="no space left") if task.number == 0 else run_trial(task, reporter)

    sweep, broken = make_sweep(SMALL), Threads(1, once_broken)
    with pytest.raises(IncompleteSweepError, match="1 trials are missing: no space left, 3 times without progress"):
        drive(sweep, executor=broken)
    assert [task.number for task in broken.tasks] == [0, 0, 0, 1, 2, 3]
    assert sorted(t.state for t in sweep.trials()) == ["finished", "finished", "finished", "lost"]
    executor, _ = drive(again(sweep))
    assert [task.number for task in executor.tasks] == [0]
    assert {t.state for t in sweep.trials()} == {"finished"}


def test_a_run_that_was_over_when_its_driver_died_is_taken_as_it_is(make_sweep):
    sweep = make_sweep(SMALL, configurations=1)
    _, notes = drive(sweep)
    twin = make_sweep(SMALL, name="twin", configurations=1)
    sweep.runs_dir.rename(twin.path / "moved")
    twin.runs_dir.rmdir()
    (twin.path / "moved").rename(twin.runs_dir)
    before = next(twin.runs_dir.glob("*/metrics.json")).stat().st_mtime_ns
    drive(twin)
    (trial,) = twin.trials()
    assert (trial.objective, trial.epochs) == (notes.trials[0].objective, notes.trials[0].epochs)
    assert next(twin.runs_dir.glob("*/metrics.json")).stat().st_mtime_ns == before


def test_a_sweep_is_read_again_as_it_was(make_sweep):
    sweep = make_sweep(SMALL, seeds=2)
    drive(sweep)
    other = open_sweep(sweep.path)
    assert (other.definition, other.base, other.settings) == (sweep.definition, sweep.base, sweep.settings)
    assert other.trials() == sweep.trials()
    assert other.ranked(other.trials())[0] == other.best(other.trials())


def test_a_folder_that_is_renamed_keeps_its_trials_and_goes_on(make_sweep):
    sweep = make_sweep(SMALL, configurations=2)
    drive(sweep)
    before = sweep.trials()
    moved = sweep.path.rename(sweep.path.with_name("handed-in"))
    assert open_sweep(moved).trials() == before
    drive(changed(open_sweep(moved), configurations=4))
    assert len(open_sweep(moved).trials()) == 4


def test_a_name_that_is_taken_is_refused(make_sweep):
    sweep = make_sweep(SMALL)
    with pytest.raises(UsageError, match="handgrad sweep resume"):
        create_sweep(sweep.path, sweep.definition, sweep.base, sweep.settings)


def test_what_workers_prepare_for_is_each_choice_and_no_long_list(make_sweep):
    found = examples(make_sweep({"optimizer": ("sgd", "adam", "nadam"), "activation": ("relu", "tanh")}))
    assert {each["optimizer"] for each in found} == {"sgd", "adam", "nadam"}
    assert {each["activation"] for each in found} == {"relu", "tanh"}
    rates = [n / 10_000 for n in range(1, 1001)]
    many = examples(make_sweep({"learning_rate": rates, "activation": ("relu", "tanh")}, "many"))
    assert len(many) < 20


def test_a_sweep_without_end_is_refused(make_sweep):
    from handgrad.sweeps.space import Uniform

    sweep = make_sweep(method="random")
    endless = type(sweep)(sweep.path, type(sweep.definition)({"dropout": Uniform(0, 0.5)}), sweep.base, sweep.settings)
    with pytest.raises(UsageError, match="no limit: give --trials or --hours"):
        run_sweep(endless)
