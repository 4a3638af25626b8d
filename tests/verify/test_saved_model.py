"""The saved weights of a hand-in and its inference.py: right ones pass, and what is wrong in either is named."""

import json
import shutil

import numpy as np
import pytest
from tests.verify.faults import STYLES

from handgrad.data import DATASETS, load
from handgrad.verify.outcome import NOTE, WRONG
from handgrad.verify.saved_model import scores_in
from handgrad.verify.verify import in_process, verify

pytestmark = [pytest.mark.slow]
needs_mnist = pytest.mark.skipif(DATASETS["mnist"].status().files_ok < 4, reason="needs MNIST on this machine")
MODEL, CONFIG = "src/best_model.npy", "src/best_config.json"


class Evil:
    def __reduce__(self):
        return print, ("this is never printed",)


@pytest.fixture(scope="module")
def arrays():
    """Of one layer of random features, and the least squares on them: 784, 60, 10."""
    data, g = load("mnist"), np.random.default_rng(0)
    x = data.x_train[:6000].reshape(-1, 784) / 255.0
    w0 = g.normal(0, 0.1, (784, 60))
    hidden = np.maximum(x @ w0, 0)
    w1 = np.linalg.lstsq(hidden, np.eye(10)[data.y_train[:6000]], rcond=None)[0]
    return {"W0": w0, "b0": np.zeros((1, 60)), "W1": w1, "b1": np.zeros((1, 10))}


@pytest.fixture
def folder(tmp_path, arrays):
    target = tmp_path / "hand_in"
    shutil.copytree(STYLES / "course2026", target)
    np.save(target / MODEL, arrays)
    settings = {"dataset": "mnist", "num_layers": 1, "hidden_size": [60], "activation": "relu", "loss": "mse"}
    (target / CONFIG).write_text(json.dumps({**settings, "weight_init": "xavier", "test_accuracy": 0.75}))
    return target


def found_of(folder, statuses=(WRONG,)):
    checks = verify(folder, in_process).checks
    return [(c.mistake, c.words) for c in checks if c.name in ("saved weights", "inference") and c.status in statuses]


@needs_mnist
def test_the_saved_weights_and_their_scores_are_right(folder):
    outcome = verify(folder, in_process)
    words = [check.words for check in outcome.checks if check.name in ("saved weights", "inference")]
    assert [check.words for check in outcome.checks if check.status in (WRONG, NOTE)] == []
    assert any("of the 10,000 test images of mnist, pixels / 255" in text for text in words)
    assert any("precision (macro average), recall (macro average), f1 (macro average)" in text for text in words)


@needs_mnist
@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("    model.set_weights", "    (lambda weights: 0)", "other scores"),
        ("(_, _), (X, y) =", "(X, y), (_, _) =", "training images"),
        ('f1_score(y, pred, average="macro", zero_division=0)', "0.65432", "wrong f1"),
        ('"precision": precision_score(y, pred', '"precision": 1.3 * recall_score(y, pred', "wrong precision"),
    ],
)
def test_what_is_wrong_in_inference_is_named(folder, old, new, mistake):
    path = folder / "src/inference.py"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    assert [name for name, _ in found_of(folder)] == [mistake]


@needs_mnist
@pytest.mark.parametrize(
    ("change", "mistake", "words"),
    [
        (lambda f, a: (f / CONFIG).write_text('{"hidden_size": [60, 60]}'), "saved shapes", "[60, 60]"),
        (lambda f, a: np.save(f / MODEL, {**a, "W1": a["W1"][:5]}), "weights unreadable", "do not fit"),
        (lambda f, a: (f / MODEL).write_bytes((f / MODEL).read_bytes()[:5000]), "weights unreadable", "no weights"),
        (lambda f, a: np.save(f / MODEL, np.array(Evil(), object)), "weights unreadable", "print"),
        (lambda f, a: (f / CONFIG).write_text('{"hidden_size": "128-60"}'), "saved shapes", "[128, 60]"),
        (lambda f, a: np.save(f / MODEL, {**a, "b0": a["b0"] + np.nan}), "weights unreadable", "infinity in b0:"),
        (lambda f, a: np.save(f / MODEL, {**a, "W1": 0 * a["W1"]}), "untrained weights", "guessing"),
    ],
)
def test_what_is_wrong_in_the_saved_weights_is_named(folder, arrays, capsys, change, mistake, words):
    change(folder, arrays)
    found = found_of(folder)
    assert found[0][0] == mistake
    assert words in found[0][1]
    assert "never printed" not in capsys.readouterr().out


@needs_mnist
def test_what_the_settings_leave_open_is_said(folder):
    (folder / CONFIG).write_text('{"activation": null, "dataset": "mnist", "num_layers": "two"}')
    notes = [words for _, words in found_of(folder, (NOTE,))]
    assert notes == ["assumed: activation relu, which best_config.json does not say"]


@needs_mnist
def test_missing_and_nested_weights_are_noted(folder, arrays):
    np.save(folder / MODEL, {"layer1": {"W": arrays["W0"]}})
    assert "no array" in found_of(folder, (NOTE,))[0][1]
    (folder / MODEL).unlink()
    assert found_of(folder, (WRONG, NOTE)) == [("", "DA6401, 2026 wants best_model.npy: it is missing")]


@pytest.mark.parametrize(
    ("text", "name", "value", "near"),
    [
        ("Test Accuracy: 97.50%", "accuracy", 0.975, 6e-5),
        ("{'f1': np.float64(0.9741), 'x': 2}", "f1", 0.9741, 6e-5),
        ("F1-score (macro) = 0.97", "f1", 0.97, 6e-3),
        ("Precision | 96", "precision", 0.96, 6e-3),
        ("recall\n0.5", "recall", None, None),
    ],
)
def test_scores_are_read_from_what_is_printed(text, name, value, near):
    found = scores_in(text)
    assert found.get(name) == (None if value is None else [(pytest.approx(value), pytest.approx(near))])
