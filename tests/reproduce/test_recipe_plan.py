"""Which runs a recipe comes to."""

from pathlib import Path

import pytest

from handgrad.claims import read_document
from handgrad.claims.questions import Quick
from handgrad.reproduce.plan import Choice, digest, make_plan, quickened
from handgrad.reproduce.tasks import config_of, digest_of

COURSE = Path(__file__).with_name("course.yaml")

LAYERS = """
title: how settings lie on top of each other
settings: {epochs: 9, framework: by hand}
train: {dropout: 0, batch_norm: false, learning_rate: 0.1}
open: {momentum: {value: 0.8, why: It is usual., how: field default}}
experiments:
  base:
    settings: {activation: tanh, iterations: 8000}
    train: {epochs: 3}
    open: {learning_rate: {value: 0.3, why: It ends near 90., how: fitted to the printed number, fits: [base]}}
  child:
    like: base
    settings: {activation: relu, momentum: 0.7}
  bare_cnn:
    settings: {model: cnn, batch_norm: false}
    train: {layers: [conv2d:4, relu]}
claims: {}
"""


@pytest.fixture
def course():
    return read_document(COURSE)


def plan_of(document, tmp_path, **chosen):
    return make_plan(document, Choice(**chosen), tmp_path)


def test_later_settings_win_and_what_runs_do_not_have_is_left_to_the_claims():
    document = read_document(LAYERS)
    base, child = (config_of(document, name) for name in ("base", "child"))
    assert (base.activation, base.epochs, base.dropout, base.learning_rate, base.momentum) == ("tanh", 3, 0, 0.3, 0.8)
    assert (child.activation, child.epochs, child.learning_rate, child.momentum) == ("relu", 3, 0.3, 0.7)


def test_what_a_later_part_states_is_not_open_any_more():
    document = read_document(LAYERS)
    assert {name: list(document.choices(name)) for name in ("base", "child", "bare_cnn")} == {
        "base": ["momentum", "learning_rate"],
        "child": ["learning_rate"],
        "bare_cnn": ["momentum"],
    }
    assert document.fitted("child")["learning_rate"].fits == ["base"]
    assert document.fitted("bare_cnn") == {}


def test_listed_layers_replace_what_the_settings_say_of_the_network():
    config = config_of(read_document(LAYERS), "bare_cnn")
    assert config.layers == ("conv2d:4", "relu")


def test_experiments_of_the_same_settings_share_their_runs(course, tmp_path):
    plan = plan_of(course, tmp_path)
    assert plan.runs["relu", "replication"] == plan.runs["relu_again", "replication"]
    # sigmoid, relu, bold and forest with two seeds, and sigmoid and relu at two more rates with one
    assert len(plan.distinct) == len({config.name for config in plan.distinct}) == 12
    assert {config.seed for config in plan.distinct} == {0, 1}
    # retrained, when their sweep is over
    assert set(plan.lacking) == {(name, "retrained") for name in ("sigmoid", "relu", "relu_again", "forest")}


def test_claims_are_judged_at_each_value_by_runs_of_one_seed(course, tmp_path):
    plan = plan_of(course, tmp_path)
    assert list(plan.swept) == [("relu", "learning_rate"), ("sigmoid", "learning_rate")]
    for name in ("relu", "sigmoid"):
        configs, own = plan.swept[name, "learning_rate"], plan.runs[name, "replication"]
        assert [(config.learning_rate, config.seed) for config in configs] == [(0.01, 0), (0.1, 0), (0.5, 0)]
        assert configs[0] == own[0]  # the recipe's value has the run that it has anyway
        assert {config.activation for config in configs} == {name}


def test_claims_of_one_experiment_s_own_numbers_and_of_others_are_not_swept(course):
    assert {name: course.swept(name) for name in course.claims} == {
        "relu_better": "learning_rate",
        "above_ninety": "learning_rate",
        "same_number": None,
        "relu_counted_better": "learning_rate",
    }


def test_an_experiment_without_numbers_is_replicated_alone(course, tmp_path):
    variants = [variant for name, variant in plan_of(course, tmp_path).runs if name == "bold"]
    assert variants == ["replication"]


def test_a_question_brings_what_it_needs_and_no_more(course, tmp_path):
    plan = plan_of(course, tmp_path, questions=("2b",))
    # forest and bold are its own, both needs its members, and the claim speaks of relu
    assert plan.experiments == ["sigmoid", "relu", "bold", "forest", "both"]
    assert {name for name, _ in plan.runs} == {"sigmoid", "relu", "bold", "forest"}


def test_runs_have_one_name_whichever_question_asks_for_them(course, tmp_path):
    whole = plan_of(course, tmp_path).runs
    for question in ("1", "2b"):
        part = plan_of(course, tmp_path, questions=(question,)).runs
        assert part.items() <= whole.items()


def test_a_run_that_is_there_is_found_again_by_its_digest(course, tmp_path):
    name = plan_of(course, tmp_path).runs["relu", "replication"][1].name
    renamed = name.replace("relu", "formerly")
    (tmp_path / "runs" / renamed).mkdir(parents=True)
    assert plan_of(course, tmp_path).runs["relu", "replication"][1].name == renamed


def test_seeds_and_data_set_may_be_others(course, tmp_path):
    plan = plan_of(course, tmp_path, seeds=4)
    assert [config.seed for config in plan.runs["relu", "replication"]] == [0, 1, 2, 3]
    other = plan_of(read_document(LAYERS + QUESTION), tmp_path, dataset="digits")
    assert {config.dataset for config in other.distinct} == {"digits"}


QUESTION = "questions: [{id: 1, title: One, experiments: [base, child]}]\n"


def test_quick_takes_fewer_images_epochs_and_seeds(course, tmp_path):
    plan = plan_of(course, tmp_path, quick=True)
    configs = plan.runs["sigmoid", "replication"]
    assert len(configs) == 1
    assert configs[0].epochs == 1  # half of two
    assert configs[0].train_fraction == pytest.approx(500 / 1438)  # four fifths of the 1,797 digits


def test_quick_never_takes_more_images_than_asked_for(course):
    config = config_of(course, "sigmoid").replaced(train_fraction=0.1, epochs=1)
    quick = quickened(config, Quick(train_images=10**6, epochs=0.1))
    assert (quick.train_fraction, quick.epochs) == (0.1, 1)


def test_the_digest_tells_settings_that_matter_and_no_others(course):
    config = config_of(course, "relu")
    assert digest(config.replaced(beta1=0.5, seed=7, name="x")) == digest(config)  # plain SGD has no beta1
    assert digest(config.replaced(momentum=0.5, optimizer="momentum")) != digest(config)
    assert digest(config.replaced(epochs=3)) != digest(config)
    assert digest(config.replaced(dropout=0.5)) != digest(config)


def test_a_setting_that_is_added_later_and_off_changes_no_digest():
    settings = {"activation": "relu", "layers": ("dense:8", "relu")}
    assert digest_of({**settings, "skip_damaged": False, "class_weight": None, "noise": 0.0}) == digest_of(settings)
    assert digest_of({**settings, "skip_damaged": True}) != digest_of(settings)
