"""Which runs a recipe comes to."""

from pathlib import Path

import pytest

from handgrad.claims import read_document
from handgrad.claims.questions import Quick
from handgrad.reproduce.plan import Choice, digest, make_plan, quickened
from handgrad.reproduce.tasks import config_of

COURSE = Path(__file__).with_name("course.yaml")

LAYERS = """
title: how settings lie on top of each other
settings: {epochs: 9, framework: by hand}
train: {dropout: 0, batch_norm: false, learning_rate: 0.1}
retrained: {learning_rate: 0.2}
experiments:
  base:
    settings: {activation: tanh, iterations: 8000}
    train: {epochs: 3}
    replication: {learning_rate: 0.3}
  child:
    like: base
    settings: {activation: relu}
    retrained: {learning_rate: 0.4}
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
    base, tuned = (config_of(document, "base", variant) for variant in ("replication", "retrained"))
    assert (base.activation, base.epochs, base.dropout, base.learning_rate) == ("tanh", 3, 0, 0.3)
    assert tuned.learning_rate == 0.2
    child = config_of(document, "child", "replication")
    assert (child.activation, child.epochs, child.learning_rate) == ("relu", 3, 0.3)
    assert config_of(document, "child", "retrained").learning_rate == 0.4


def test_listed_layers_replace_what_the_settings_say_of_the_network():
    config = config_of(read_document(LAYERS), "bare_cnn", "replication")
    assert config.layers == ("conv2d:4", "relu")


def test_experiments_of_the_same_settings_share_their_runs(course, tmp_path):
    plan = plan_of(course, tmp_path)
    assert plan.runs["relu", "replication"] == plan.runs["relu_again", "replication"]
    # sigmoid and relu in two variants, bold in one, forest in two that are one: six configurations of two seeds
    assert len(plan.distinct) == 12
    assert len({config.name for config in plan.distinct}) == 12
    assert {config.seed for config in plan.distinct} == {0, 1}


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
    config = config_of(course, "sigmoid", "replication").replaced(train_fraction=0.1, epochs=1)
    quick = quickened(config, Quick(train_images=10**6, epochs=0.1))
    assert (quick.train_fraction, quick.epochs) == (0.1, 1)


def test_the_digest_tells_settings_that_matter_and_no_others(course):
    config = config_of(course, "relu", "replication")
    assert digest(config.replaced(beta1=0.5, seed=7, name="x")) == digest(config)  # plain SGD has no beta1
    assert digest(config.replaced(momentum=0.5, optimizer="momentum")) != digest(config)
    assert digest(config.replaced(epochs=3)) != digest(config)
