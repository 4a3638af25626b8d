"""Documents as they should not be, each refused in one line with the place in it."""

import math

import pytest
from tests.reproduce.malformed import DROP, changed, refusal

from handgrad import strict_yaml
from handgrad.claims import read_document
from handgrad.errors import HandgradError

SOUND = {
    "title": "two networks",
    "images": {"test": 10000},
    "experiments": {
        "tanh": {"settings": {"activation": "tanh"}, "printed": {"test_accuracy": 97.2}},
        "relu": {"settings": {"activation": "ReLU"}, "printed": {"test_accuracy": 97.9}},
    },
    "claims": {"relu_better": {"says": "ReLU is better.", "higher": ["relu", "tanh"]}},
}

# path to a place in the sound document, what stands there instead, what the refusal says
MALFORMED = [
    (["title"], DROP, "title: is missing"),
    (["title"], 3, "title: must be a valid string, got 3"),
    (["claims"], DROP, "claims: is missing"),
    (["claims"], [], "claims: must be"),
    (["colour"], "red", "colour: is no key"),
    (["unit"], "per mille", "unit: must be 'percent' or 'share', got 'per mille'"),
    (["unit"], "share", "experiments.tanh.printed.test_accuracy: must be 0 to 1, got 97.2, or write `unit: percent`"),
    (["images", "test"], 0, "images.test: must be greater than or equal to 1, got 0"),
    (["images", "test"], 10.5, "images.test: must be a valid integer"),
    (["images", "tests"], 10, "images.tests: is no key"),
    (["experiments", "tanh", "printed", "test_accuracy"], "high", "printed.test_accuracy: must be a valid number"),
    (["experiments", "tanh", "printed", "test_accuracy"], math.nan, "test_accuracy: must be a finite number"),
    (["experiments", "tanh", "printed", "test_accuracy"], [], "must not be empty"),
    (["experiments", "tanh", "printed", "test_accuracy"], 0.972, "say whether `unit` is share or percent"),
    (["experiments", "tanh", "printed", "test_accuracy"], 101, "must be 0 to 100, got 101"),
    (["experiments", "tanh", "printed", "test_accuracy"], {"mean": 97, "deviation": -1, "seeds": 3}, "deviation"),
    (["experiments", "tanh", "printed", "test_acuracy"], 97, "printed.test_acuracy: is no key"),
    (["experiments", "tanh", "printed", "counts"], {"right": 21, "images": 20}, "21 right of 20 images"),
    (["experiments", "tanh", "printed", "confusion_matrix"], [[1, 2]], "as many columns as rows"),
    (["experiments", "tanh", "printed", "confusion_matrix"], [[0, 0], [0, 0]], "counts no image"),
    (["experiments", "tanh", "printed", "confusion_matrix"], [[-1]], "must be greater than or equal to 0"),
    (["experiments", "tanh", "printed", "per_class"], {"recall": [0.5]}, "per_class.images: is missing"),
    (["experiments", "tanh", "printed", "per_class"], {"images": 9, "recall": [97.0]}, "shares from 0 to 1"),
    (["experiments", "tanh", "printed", "per_class"], {"images": 9, "recall": [1], "f1": [1, 1]}, "for each class"),
    (["experiments", "tanh", "settings", "activation"], "tahn", "experiments.tanh.settings.activation: must be one of"),
    (["experiments", "tanh", "settings", "lr"], -1, "experiments.tanh.settings.lr: must be positive"),
    (["experiments", "tanh", "like"], "rulu", "experiments.tanh.like: unknown experiment 'rulu': did you mean relu?"),
    (["experiments", "tanh", "like"], "tanh", "is circular: tanh -> tanh"),
    (["experiments", "tanh", "runs"], ["runs/a"], "experiments.tanh: has runs"),
    (["claims", "relu_better", "says"], DROP, "claims.relu_better.says: is missing"),
    (["claims", "relu_better", "higher"], ["relu", "thanh"], "unknown experiment 'thanh': did you mean tanh?"),
    (["claims", "relu_better", "higher"], ["relu"], "higher needs 2 experiments, got 1"),
    (["claims", "relu_better", "higher"], ["relu", "relu"], "names an experiment twice"),
    (["claims", "relu_better", "higher"], DROP, "must have exactly one of higher, lower, best"),
    (["claims", "relu_better", "lower"], ["relu", "tanh"], "got higher and lower"),
    (["claims", "relu_better", "measure"], "test_acc", "unknown measure 'test_acc': did you mean test_accuracy?"),
    (["claims", "relu_better", "measures"], ["recall", "gap"], "higher does not use `measures`"),
    (["claims", "relu_better", "over"], "epochs", "higher does not use `over`"),
    (["claims", "relu_better", "by"], -3, "by must be 0 or more, got -3"),
    (["claims", "relu_better"], {"says": "x", "rises": ["relu", "tanh"]}, "rises needs `over`"),
    (["claims", "relu_better"], {"says": "x", "same": ["relu"]}, "same needs `measures`"),
    (
        ["claims", "relu_better"],
        {"says": "x", "same": ["relu"], "measures": ["recall", "gap"], "by": 1},
        "same does not use `by`",
    ),
    (["claims", "relu_better", "best_of"], 9, "higher does not use `best_of`"),
    (["claims", "relu_better"], {"says": "x", "exceeds": ["relu"]}, "exceeds needs `by`"),
    (["claims", "relu_better"], {"says": "x", "below": ["relu"], "by": 9, "over": "lr"}, "below does not use"),
    (
        ["claims", "relu_better"],
        {"says": "x", "same": ["relu"], "measures": ["recall", "gap"], "measure": "gap"},
        "same does not use `measure`",
    ),
    (["claims", "relu_better"], {"says": "x", "equal": ["relu", "tanh"]}, "equal needs `within`, the largest"),
    (["claims", "relu_better"], {"says": "x", "near": ["relu"], "by": 9}, "near needs `within`"),
    (["claims", "relu_better", "measure"], "steps_to_loss", "steps_to_loss and `level`, a training loss, go together"),
    (["claims", "relu_better", "level"], 0.5, "steps_to_loss and `level`, a training loss, go together"),
    (["claims", "relu_better", "within"], 0, "claims.relu_better.within: must be greater than 0"),
    (["claims", "relu_better"], "ReLU is better", "claims.relu_better: must be"),
]


@pytest.mark.parametrize(("path", "value", "expected"), MALFORMED)
def test_one_line_with_the_place(path, value, expected):
    message = refusal(lambda: read_document(changed(SOUND, path, value)))
    assert expected in message
    assert message.startswith("claims: ")


def test_all_that_is_wrong_is_said_at_once_and_misspelt_keys_first():
    wrong = strict_yaml.load(changed(SOUND, ["title"], 3))
    wrong["images"] = {"test": 0}
    wrong["colour"] = wrong["color"] = "red"
    message = refusal(lambda: read_document(strict_yaml.dump(wrong)))
    places = [part.split(":")[0] for part in message.removeprefix("claims: ").split("; ")]
    assert sorted(places[:2]) == ["color", "colour"]
    assert sorted(places[2:]) == ["images.test", "title"]


TEXTS = {"": "is empty", "- 1": "got a list", "a: [": "line", "a: 1\na: 2": "stands twice", "a: &x [*x]": "alias"}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_what_is_no_document(text, expected):
    with pytest.raises(HandgradError, match=expected):
        read_document(text)


def test_the_sound_one_is_accepted():
    assert read_document(strict_yaml.dump(SOUND)).settings_of("relu") == {"activation": "relu"}
