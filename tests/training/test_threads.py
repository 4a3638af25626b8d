"""Any number of threads gives the same bits, also when it changes in the middle of a training."""

from threading import Thread

import numpy as np
import pytest
from tests.ingredients import nn

from handgrad.data import Split
from handgrad.kernels import team
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.driver import backward_part, forward_part
from handgrad.kernels.program import WHOLE
from handgrad.nn import Network
from handgrad.nn.layout import worthwhile_threads
from handgrad.optim import OPTIMIZERS
from handgrad.training import Callback, Settings, Trainer
from handgrad.training.threads import thread_count

NETWORKS = {
    "dense": (
        (28, 28),
        (nn.Dense(640), nn.GELU(), nn.Dense(513), nn.ReLU(), nn.Dense(10)),
    ),
    "convolutions": (
        (3, 12, 12),
        (nn.Conv2D(17), nn.ReLU(), nn.Conv2D(9, 5, stride=2), nn.Flatten(), nn.Dense(10)),
    ),
}


@fast_kernel
def count_parts(room, done):
    """Count each part that this thread gets of the task under way."""
    part = 0
    while part != team.NONE_LEFT:
        part, _ = team.take(room)
        if part >= 0:
            done[part] += 1
            team.add_one(room.words, team.DONE)


@fast_kernel
def begin(room, parts):
    """A task that says nothing but its number of parts."""
    team.publish(room, parts, team.FORWARD, 0, 0, np.uint64(0), True)


def trained(name, threads, callbacks=()):
    shape, layers = NETWORKS[name]
    generator = np.random.default_rng(0)
    images, labels = generator.integers(1, 256, (160, *shape), dtype=np.uint8), generator.integers(0, 10, 160)
    network = Network(layers, shape)
    split = Split(images, labels, np.arange(160), np.arange(0))
    chosen = Settings(OPTIMIZERS["adam"](learning_rate=1e-3), epochs=2, batch_size=64, keep="last", threads=threads)
    trainer = Trainer(network, split, chosen, callbacks)
    trainer.run()
    return trainer


@pytest.mark.parametrize("name", ["dense", pytest.param("convolutions", marks=pytest.mark.slow)])
def test_the_bits_of_any_number_of_threads(name):
    results = {threads: trained(name, threads) for threads in (1, 2, 3, 4)}
    shared = results[2].network.program(64, 2).table["parts"]
    assert (shared > 1).sum() >= 2, "nothing is shared, so nothing is compared"
    assert len({each.network.parameters.tobytes() for each in results.values()}) == 1
    assert len({tuple(each.history.losses) for each in results.values()}) == 1


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("batch_norm", [nn.BatchNorm()]),
        ("max_pool2d", [nn.MaxPool2D(2)]),
        ("max_pool2d, overlapping", [nn.MaxPool2D(3, stride=2)]),
        ("average_pool2d, with a margin left out", [nn.AveragePool2D(3)]),
        ("global_average_pool", [nn.GlobalAveragePool()]),
        ("add", [nn.Split(), nn.Tanh(), nn.Branch(), nn.Add()]),
    ],
)
def test_parts_of_a_layer_on_images_in_any_order_are_the_whole(name, layers):
    """Each operation of a forward and a backward pass as one part, and as three of which the last comes first."""
    found = []
    for parts in ([(0, 1)], [(2, 3), (0, 3), (1, 3)]):
        network = Network([nn.Conv2D(5), *layers, nn.Dense(10)], (3, 16, 16))
        program = network.program(8, 2)
        program.activations[: 8 * 3 * 16 * 16] = np.random.default_rng(0).normal(size=8 * 3 * 16 * 16)
        program.saved[:] = program.activations[program.table[-1]["y_start"] :][: 8 * 10] = np.nan
        divisible = program.table["split"] != WHOLE
        assert divisible.sum() > 2, "only the convolution and the dense layer are divided"
        for i, divided in enumerate(divisible):
            for part in parts if divided else [(0, 1)]:
                forward_part(program, i, 8, np.uint64(0), True, *part)
        logits = program.activations[program.table[-1]["y_start"] :][: 8 * 10]
        program.dactivations[program.table[-1]["dy_start"] :][: 8 * 10] = logits - 1
        for i, divided in reversed([*enumerate(divisible)]):
            for part in parts if divided else [(0, 1)]:
                backward_part(program, i, 8, *part)
        found.append((logits.copy(), network.gradients, network.buffers))
    assert np.isfinite(found[0][1]).all()
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_number_may_change_in_the_middle():
    class Change(Callback):
        def paused(self, trainer):
            trainer.threads = trainer.step % 4 + 1

    expected = trained("dense", 1).network.parameters
    np.testing.assert_array_equal(trained("dense", 2, [Change()]).network.parameters, expected)


def test_every_part_is_done_once():
    room, done = team.team_of(4), np.zeros(50, np.int64)
    begin(room, 50)
    threads = [Thread(target=count_parts, args=(room, done)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.tolist() == [1] * 50
    assert room.words[team.DONE] == 50


def test_small_networks_get_one_thread_and_large_ones_what_there_is(monkeypatch):
    small, large = (Network([nn.Dense(units), nn.Dense(10)], (28, 28)) for units in (32, 1024))
    assert worthwhile_threads(small, 16) == 1
    assert worthwhile_threads(large, 256) > 16
    monkeypatch.setattr("handgrad.training.threads.available_cores", lambda: (0, 1, 2))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [thread_count(0, each, 256) for each in (small, large)] == [1, 3]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert thread_count(0, large, 256) == 2
    assert thread_count(5, small, 256) == 5
