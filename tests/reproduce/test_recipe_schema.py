"""Recipes as they should not be, each refused in one line with the place in it."""

import pytest
from tests.reproduce.malformed import DROP, changed, refusal

from handgrad import strict_yaml
from handgrad.claims import read_document
from handgrad.reproduce.plan import Choice, make_plan

SOUND = {
    "title": "two networks",
    "settings": {"dataset": "digits"},
    "train": {"dropout": 0},
    "open": {"keep": {"value": "last", "why": "Nothing is chosen.", "how": "field default"}},
    "retrained": "tuned",
    "sweeps": {"tuned": {"of": "tanh", "space": {"learning_rate": [0.1, 0.2]}}},
    "experiments": {
        "tanh": {"settings": {"activation": "tanh"}, "printed": {"test_accuracy": 97.2}},
        "relu": {"settings": {"activation": "ReLU"}},
        "both": {"ensemble": ["tanh", "relu"]},
    },
    "claims": {"better": {"says": "ReLU is better.", "higher": ["relu", "tanh"]}},
    "questions": [
        {
            "id": 1,
            "title": "Activations",
            "experiments": ["tanh", "relu"],
            "show": [{"figure": "loss"}, {"table": "classes", "of": ["tanh"], "variant": "retrained"}],
            "claims": ["better"],
        },
        {"id": "2a", "title": "Together", "show": [{"table": "averages", "of": ["both"]}, {"text": "All of it."}]},
    ],
}
FIRST, OPEN, TUNED = ["questions", 0], ["open", "keep"], ["sweeps", "tuned"]
FITTED = {"value": 0.1, "why": "It fits.", "how": "fitted to the printed number", "fits": ["tanh"]}

MALFORMED = [
    (["replication"], {"momentum": 0.9}, "replication: is now `open`: write each setting with its value, why and how"),
    (["experiments", "tanh", "replication"], {}, "experiments.tanh.replication: is now `open`"),
    (["experiments", "tanh", "retrained"], {"lr": 1}, "experiments.tanh.retrained: names the sweep that tunes"),
    ([*TUNED, "retrained"], {}, "sweeps.tuned.retrained: belongs to experiments"),
    (["retrained"], "tnued", "retrained: unknown sweep 'tnued': did you mean tuned?"),
    (["experiments", "tanh", "retrained"], "tnued", "experiments.tanh.retrained: unknown sweep 'tnued'"),
    ([*OPEN, "why"], DROP, "open.keep.why: is missing"),
    ([*OPEN, "how"], DROP, "open.keep.how: is missing"),
    ([*OPEN, "how"], "by eye", "how must be field default, fitted to the printed number, or validation sweep NAME"),
    ([*OPEN, "how"], "validation sweep tnued", "open.keep.how: unknown sweep 'tnued': did you mean tuned?"),
    ([*OPEN, "fits"], ["tanh"], "goes with `how: fitted to the printed number` alone"),
    ([*OPEN, "sweep"], ["last"], "sweep must list two or more values, last among them"),
    ([*OPEN, "sweep"], ["best", "first"], "sweep must list two or more values, last among them"),
    (["open", "dropout"], FITTED | {"fits": []}, "goes with `how: fitted to the printed number` alone"),
    (["open", "momentum"], FITTED | {"fits": ["tahn"]}, "open.momentum.fits: unknown experiment 'tahn'"),
    (["open", "drop_out"], FITTED, "open.drop_out: stands in settings or train as well"),
    ([*TUNED, "of"], "tahn", "sweeps.tuned.of: unknown experiment 'tahn': did you mean tanh?"),
    ([*TUNED, "of"], "both", "sweeps.tuned.of: both has no settings of its own to begin with"),
    ([*TUNED, "file"], "da6401", "sweeps.tuned: needs either a `file` or a `space` of its own"),
    ([*TUNED, "space"], DROP, "sweeps.tuned: needs either a `file` or a `space` of its own"),
    (["seeds"], 0, "seeds: must be greater than or equal to 1, got 0"),
    (["seeds"], 2.5, "seeds: must be a valid integer"),
    (["quick"], {"train_images": 5}, "quick.train_images: must be greater than or equal to 10, got 5"),
    (["quick"], {"epochs": 2.0}, "quick.epochs: must be less than or equal to 1, got 2"),
    (["quick"], {"images": 9}, "quick.images: is no key"),
    (["questions"], {}, "questions: must be a valid list"),
    ([*FIRST, "id"], DROP, "questions.0.id: is missing"),
    ([*FIRST, "id"], "one and two", "must be a number or a short word without spaces, got 'one and two'"),
    ([*FIRST, "id"], "../1", "must be a number or a short word"),
    ([*FIRST, "id"], "2a", "questions.2a: stands twice"),
    ([*FIRST, "title"], DROP, "questions.0.title: is missing"),
    ([*FIRST, "figures"], ["loss"], "questions.0.figures: is no key"),
    ([*FIRST, "experiments"], ["tahn"], "questions.1.experiments: unknown experiment 'tahn': did you mean tanh?"),
    ([*FIRST, "claims"], ["bettr"], "questions.1.claims: unknown claim 'bettr': did you mean better?"),
    ([*FIRST, "show", 0], {"figure": "los"}, "unknown figure 'los': did you mean loss?"),
    ([*FIRST, "show", 0], {"table": "clases"}, "unknown table 'clases': did you mean classes?"),
    ([*FIRST, "show", 0], {"of": ["tanh"]}, "must have exactly one of figure, table, equations, sweep, text, got none"),
    ([*FIRST, "show", 0], {"figure": "loss", "text": "x"}, "got figure and text"),
    ([*FIRST, "show", 0], {"text": "x", "of": ["tanh"]}, "text does not use `of`"),
    ([*FIRST, "show", 0], {"equations": "tahn"}, "questions.1.show.1: unknown experiment 'tahn'"),
    ([*FIRST, "show", 0], {"figure": "loss", "variant": "tuned"}, "must be 'replication' or 'retrained'"),
    ([*FIRST, "show", 0], {"figure": "loss", "variant": "retrained"}, "relu has no variant retrained"),
    (["questions", 1, "show", 0], {"figure": "loss"}, "questions.2a.show.1: say which experiments it is `of`"),
    (["experiments", "both", "ensemble"], ["tanh"], "experiments.both.ensemble: must name two or more experiments"),
    (["experiments", "both", "ensemble"], ["tanh", "tanh"], "two or more experiments, each once"),
    (["experiments", "both", "ensemble"], ["tanh", "rulu"], "experiments.both.ensemble: unknown experiment 'rulu'"),
    (["experiments", "both", "ensemble"], ["tanh", "both"], "both is an ensemble itself"),
    (["experiments", "both", "train"], {"epochs": 3}, "is an ensemble, which is not trained itself"),
    (["experiments", "relu", "train"], ["epochs"], "experiments.relu.train: must be a valid dictionary"),
]

# What a document of claims may say, and a run cannot be trained by.
UNTRAINABLE = [
    (["train"], {"dropuot": 0}, "train: unknown setting dropuot: did you mean dropout?"),
    (["train"], {"dropout": 1.5}, "train: dropout must be"),
    ([*OPEN, "value"], "both", "open: keep must be"),
    ([*TUNED, "space"], {"lr": [-1]}, "sweeps.tuned: sweep: parameters.lr.values: learning_rate must be"),
    ([*TUNED, "space"], {"lr": {"min": 0.1, "max": 1.0}}, "sweeps.tuned: "),
    ([*TUNED, "settings"], {"epohcs": 3}, "sweeps.tuned.settings: unknown setting epohcs: did you mean epochs?"),
    (
        ["experiments", "relu", "train"],
        {"model": "cnn", "hidden_size": 3},
        "experiments.relu.train: model cnn describes",
    ),
    (["questions"], [], "has claims but no `questions`"),
]


def test_the_sound_one_is_taken(tmp_path):
    plan = make_plan(read_document(strict_yaml.dump(SOUND)), Choice(), tmp_path)
    assert [question.id for question in plan.questions] == ["1", "2a"]


@pytest.mark.parametrize(("place", "value", "words"), MALFORMED, ids=lambda each: str(each)[:40])
def test_what_is_malformed_is_refused_with_its_place(place, value, words):
    assert words in refusal(lambda: read_document(changed(SOUND, place, value)))


@pytest.mark.parametrize(("place", "value", "words"), UNTRAINABLE, ids=lambda each: str(each)[:40])
def test_settings_that_cannot_be_trained_are_refused_with_their_place(place, value, words, tmp_path):
    document = read_document(changed(SOUND, place, value))
    assert words in refusal(lambda: make_plan(document, Choice(), tmp_path))


def test_an_unknown_question_is_refused(tmp_path):
    document = read_document(strict_yaml.dump(SOUND))
    words = refusal(lambda: make_plan(document, Choice(questions=("2b",)), tmp_path))
    assert words == "unknown question '2b', expected one of 1, 2a (--question)"
