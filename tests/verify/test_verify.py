"""Hand-written networks in many styles are right; faults in them are named; broken folders do no harm."""

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from tests.commands import call, process
from tests.ingredients import nn
from tests.verify.broken import BROKEN, write
from tests.verify.faults import FAULTS, STYLES, plant

from handgrad.nn import Network
from handgrad.verify.arithmetic import Loss, Net, backward, forward, loss_value
from handgrad.verify.hand_in_checks import engine_of
from handgrad.verify.outcome import WRONG
from handgrad.verify.verify import in_process, verify

QUICK_STYLES = ["transposed_sum", "cs231n", "scalar"]
ALL_STYLES = sorted(path.name for path in STYLES.iterdir())
CROSS = Loss("cross_entropy", "the mean over the batch")


def drawn(seed=0):
    g = np.random.default_rng(seed)
    widths = (5, 4, 4, 3)
    weights = [g.normal(size=pair) for pair in itertools.pairwise(widths)]
    net = Net(weights, [g.normal(size=b) for b in widths[1:]], "tanh", "softmax")
    return net, g.normal(size=(6, 5)), np.eye(3)[g.integers(0, 3, 6)]


def test_the_reference_is_theengine_of():
    net, x, y = drawn()
    engine = engine_of(net, "tanh")
    assert isinstance(engine, Network)
    assert [type(layer) for layer in engine.layers] == [nn.Dense, nn.Tanh, nn.Dense, nn.Tanh, nn.Dense]
    value = engine.loss_and_gradients(x, y.argmax(1))
    run = forward(net, x)
    assert value == pytest.approx(loss_value(net, run, y, CROSS), rel=1e-12)
    ours = backward(net, run, y, CROSS)
    parts = [part for k in range(3) for part in (ours[f"W{k}"], ours[f"b{k}"])]
    theirs = [slot.view(engine.gradients) for slot in engine.parameter_slots]
    for one, two in zip(sorted(parts, key=np.size), sorted(theirs, key=np.size), strict=True):
        assert np.linalg.norm(one) == pytest.approx(np.linalg.norm(two), rel=1e-12)


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "identity"])
def test_the_reference_against_finite_differences(output):
    net, x, y = drawn(1)
    net = net._replace(output=output)
    loss = Loss("squared_error", "half the mean over batch and classes")
    slopes = backward(net, forward(net, x), y, loss)
    direction = np.random.default_rng(2).normal(size=net.weights[0].shape)

    def value(step):
        moved = net._replace(weights=[net.weights[0] + step * direction, *net.weights[1:]])
        return loss_value(moved, forward(moved, x), y, loss)

    assert (value(1e-5) - value(-1e-5)) / 2e-5 == pytest.approx(np.vdot(slopes["W0"], direction), rel=1e-6)


def faults_of(outcome):
    return [(check.name, check.words) for check in outcome.checks if check.status == WRONG]


def check_style(name):
    outcome = verify(STYLES / name, in_process)
    assert faults_of(outcome) == []
    assert outcome.verdict == "right"


@pytest.mark.parametrize("name", QUICK_STYLES)
def test_a_right_network_is_right(name):
    check_style(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ALL_STYLES if name not in QUICK_STYLES])
def test_every_style_is_right(name):
    check_style(name)


def check_fault(fault, folder):
    outcome = verify(plant(fault, folder), in_process)
    found = [(check.mistake, check.layer) for check in outcome.checks if check.status == WRONG]
    assert any(mistake == fault.mistake and fault.layer in layer for mistake, layer in found), found


def test_a_fault_is_named(tmp_path):
    check_fault(next(fault for fault in FAULTS if fault.mistake == "missing bias correction"), tmp_path)


@pytest.mark.slow
def test_every_fault_is_named(tmp_path):
    missed = []
    for k, fault in enumerate(FAULTS):
        try:
            check_fault(fault, tmp_path / str(k))
        except AssertionError as error:
            missed.append((fault.style, fault.mistake, str(error)[:200]))
    assert len(missed) <= 0.05 * len(FAULTS), missed


@pytest.mark.slow
def test_broken_folders_end_with_a_verdict(tmp_path):
    verdicts = {}
    for name, (fill, _) in BROKEN.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        fill(folder)
        done = process("verify", folder, "--json", tmp_path / "result.json")
        assert done.code in (0, 1, 7), (name, done.err)
        verdicts[name] = json.loads((tmp_path / "result.json").read_text())["verdict"]
    assert verdicts == {name: verdict for name, (_, verdict) in BROKEN.items()}


def test_a_class(capsys, tmp_path):
    """A row, a page and a file for each student; what has not changed is not checked again."""
    fault = next(fault for fault in FAULTS if fault.style == "four_arrays")
    wrong, right = plant(fault, tmp_path / "class"), tmp_path / "class" / "somebody_with_a_name_of_forty_letters_here"
    shutil.copytree(STYLES / fault.style, right)
    words = ("verify", "--class", tmp_path / "class", "--out", tmp_path / "out")
    once = call(capsys, *words)
    assert (once.code, once.err) == (0, "")
    assert "somebody" in once.out
    assert "…" not in once.out
    rows = {row["student"]: row for row in csv.DictReader((tmp_path / "out" / "class.csv").read_text().splitlines())}
    assert rows[right.name]["verdict"] == "right"
    assert (rows[wrong.name]["verdict"], rows[wrong.name]["mistake"]) == ("wrong", fault.mistake)
    assert {path.name for path in (tmp_path / "out").glob("*.*")} >= {f"{wrong.name}.html", f"{right.name}.json"}
    (right / "nn.py").write_text((wrong / "nn.py").read_text())
    again = call(capsys, *words).out
    assert f"{wrong.name}: wrong (checked before)" in again
    assert f"{right.name}: wrong (" in again
    assert f"{right.name}: wrong (checked before)" not in again


def test_the_adapter_is_a_template(capsys, tmp_path):
    write(tmp_path, "odd.py", "x = 1\n")
    assert call(capsys, "verify", tmp_path, "--adapter").code == 0
    text = (tmp_path / "handgrad_adapter.py").read_text()
    assert text.count("raise NotImplementedError") == 4
    assert call(capsys, "verify", tmp_path, "--adapter").code == 2
