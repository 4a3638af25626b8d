"""A resumed training equals the uninterrupted one to the last bit, and any forgotten piece of state is noticed."""

import logging

import numpy as np
import pytest
from tests.ingredients import optim

from handgrad.kernels.random import subkey
from handgrad.training import History, load_newest_checkpoint, save_checkpoint
from handgrad.training.history import read_record, records
from handgrad.training.trainer import environment

STOP = 100  # in the third epoch of 38 steps, between two evaluations


def stopped_and_loaded(make_trainer, folder, stop_at=STOP, **changes):
    """A fresh trainer put where another one was stopped, through files alone."""
    first = make_trainer(stop_at, **changes)
    first.run()
    save_checkpoint(first, folder)
    second = make_trainer(**changes)
    step = load_newest_checkpoint(second, folder, first.step)
    assert step == first.step
    second.history = History()
    for record in records(first.history, step):
        read_record(second.history, record)
    return second


@pytest.mark.parametrize("optimizer", [None, optim.Momentum(0.02), optim.Adam(0.003), optim.Eve(0.003)], ids=str)
def test_resumed_equals_uninterrupted(make_trainer, same, tmp_path, optimizer):
    changes = {} if optimizer is None else {"optimizer": optimizer}
    whole = make_trainer(**changes)
    whole.run()
    resumed = stopped_and_loaded(make_trainer, tmp_path, **changes)
    assert 0 < resumed.step < whole.step
    resumed.run()
    assert same(whole, resumed)
    assert resumed.history.stopped == whole.history.stopped


@pytest.mark.parametrize("stop_at", [1, 37, 38, 39, 150])
def test_resume_at_the_edges_of_epochs(make_trainer, same, tmp_path, stop_at):
    whole = make_trainer()
    whole.run()
    resumed = stopped_and_loaded(make_trainer, tmp_path, stop_at)
    resumed.run()
    assert same(whole, resumed)


def forget_first_moment(trainer):
    trainer.optimization.states[: trainer.network.parameters.size] = 0


def forget_second_moment(trainer):
    trainer.optimization.states[trainer.network.parameters.size :] = 0


def forget_scalars(trainer):
    trainer.optimization.memory[:] = trainer.settings.optimizer.memory


def forget_statistics(trainer):
    trainer.network.buffers[:] = 0.5


def forget_permutation(trainer):
    batches = trainer.batches
    trainer.batches = lambda epoch: batches(epoch)._replace(order=trainer.split.train_rows)


def forget_random_counter(trainer):
    batches = trainer.batches
    trainer.batches = lambda epoch: batches(epoch)._replace(key=np.uint64(subkey(np.uint64(99), 1)))


def forget_schedule(trainer):
    object.__setattr__(trainer.settings, "schedule", optim.Constant())


def forget_step(trainer):
    trainer.step -= trainer.steps_per_epoch
    trainer.history = History(trainer.history.losses[: trainer.step], trainer.history.correct[: trainer.step])


def forget_best_weights(trainer):
    trainer.best = (np.zeros_like(trainer.network.parameters), np.zeros_like(trainer.network.buffers))


def forget_epochs(trainer):
    trainer.history.epochs.clear()


PIECES = [
    forget_first_moment,
    forget_second_moment,
    forget_scalars,
    forget_statistics,
    forget_permutation,
    forget_random_counter,
    forget_schedule,
    forget_step,
    forget_epochs,
]


@pytest.mark.parametrize("forget", PIECES, ids=lambda function: function.__name__)
def test_comparison_notices_a_forgotten_piece(make_trainer, same, tmp_path, forget):
    whole = make_trainer()
    whole.run()
    resumed = stopped_and_loaded(make_trainer, tmp_path)
    forget(resumed)
    resumed.run()
    assert not same(whole, resumed)


def test_early_stopping_counts_across_a_resume(make_trainer, same, tmp_path):
    """With a learning rate far too small nothing improves after a while: patience must end both at the same epoch."""
    changes = {"optimizer": optim.Adam(1e-9), "schedule": optim.Constant(), "epochs": 30}
    whole = make_trainer(**changes)
    whole.run()
    assert whole.history.stopped == "patience"
    resumed = stopped_and_loaded(make_trainer, tmp_path, **changes)
    resumed.run()
    assert same(whole, resumed)
    assert resumed.history.stopped == "patience"


def test_best_weights_survive_a_resume(make_trainer, tmp_path):
    """The best epoch lies before the stop when the learning rate explodes after it; its weights come from the file."""
    changes = {"optimizer": optim.Momentum(0.05, 0.0), "schedule": optim.Constant(), "epochs": 4, "patience": 0}
    resumed = stopped_and_loaded(make_trainer, tmp_path, **changes)
    best = resumed.best[0].copy()
    object.__setattr__(resumed.settings, "optimizer", optim.Momentum(1e-12, 0.0))
    resumed.history.epochs[-1] = resumed.history.epochs[-1].__class__(
        **vars(resumed.history.epochs[-1]) | {"validation_accuracy": 1.0}
    )
    resumed.run()
    assert np.array_equal(resumed.network.parameters, best)


@pytest.mark.parametrize("harm", ["tear", "flip", "empty", "pickle"])
def test_harmed_checkpoint_is_left_out(make_trainer, tmp_path, caplog, harm):
    first = make_trainer(60)
    first.run()
    save_checkpoint(first, tmp_path)
    earlier = first.step
    first.stop_reason = ""
    first.callbacks[0].step = 90
    first.run()
    newest = save_checkpoint(first, tmp_path)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    harmed = {"tear": content[: len(content) // 2], "flip": content, "empty": b"", "pickle": b"\x80\x04K\x01."}[harm]
    newest.write_bytes(bytes(harmed))
    second = make_trainer()
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        assert load_newest_checkpoint(second, tmp_path, first.step) == earlier
    assert newest.name in caplog.text
    assert len(caplog.records) == 1


def test_another_version_is_named(make_trainer, tmp_path, caplog, monkeypatch):
    first = make_trainer(20)
    first.run()
    save_checkpoint(first, tmp_path)
    now = environment() | {"numba": "9.9"}
    monkeypatch.setattr("handgrad.training.trainer.environment", lambda: now)
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        load_newest_checkpoint(make_trainer(), tmp_path, first.step)
    assert "now 9.9" in caplog.text
