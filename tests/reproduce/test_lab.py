"""The experiments that come with handgrad: each can be planned, and a verdict can come out otherwise."""

import numpy as np
import pytest

from handgrad.claims import read_document
from handgrad.cli.experiments import experiments, run_lab
from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.reproduce.plan import Choice, make_plan

TINY = """
title: Depth of the layer
settings: {preset: plain, dataset: digits, num_layers: 1, hidden_size: 8, epochs: 2}
seeds: 3
experiments: {narrow: {}, wide: {settings: {hidden_size: 64}}}
claims:
  wider: {says: Wide is better., higher: [wide, narrow], cause: [hidden_size]}
  narrower: {says: Narrow is better., higher: [narrow, wide], cause: [hidden_size]}
  symmetric: {says: Units stay equal., exceeds: [wide], by: 0.9, measure: symmetry}
questions:
  - {id: 1, title: Width, text: Why., experiments: [narrow, wide], claims: [CLAIMS]}
"""


@pytest.mark.parametrize("name", experiments())
def test_every_experiment_says_why_and_what_it_expects(name, tmp_path):
    document = read_document(experiments()[name])
    plan = make_plan(document, Choice(), tmp_path)
    (question,) = document.questions
    assert len(question.text) > 150
    assert set(question.claims) == set(document.claims)
    assert len(document.claims) >= 2
    assert plan.seeds == 5
    assert {config.dataset for config in plan.distinct} == {"digits"}


@pytest.mark.slow
def test_an_expectation_is_met_or_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, claims, code in (("met", "wider", 0), ("failed", "wider, narrower, symmetric", 1)):
        (tmp_path / f"{name}.yaml").write_text(TINY.replace("CLAIMS", claims))
        assert run_lab([f"{name}.yaml", "--jobs", "1", "--output", "out"]) == code
        said = capsys.readouterr().out
        assert "\nAS EXPECTED  Wide is better." in said
    assert "\nNOT AS EXPECTED  Narrow is better." in said
    assert "\nNOT AS EXPECTED  Units stay equal." in said
    assert (tmp_path / "out" / "report.html").exists()


def test_label_noise_is_of_training_labels_alone_and_always_wrong():
    config = RunConfig(dataset="digits", label_noise=0.25, seed=3)
    dataset = build_dataset(config)
    noisy, clean = build_split(config, dataset), build_split(config.replaced(label_noise=0), dataset)
    np.testing.assert_array_equal(noisy.train_rows, clean.train_rows)
    np.testing.assert_array_equal(noisy.y_validation, clean.y_validation)
    wrong = noisy.y_train != clean.y_train
    assert wrong.sum() == round(0.25 * len(wrong))
    counts = np.bincount((noisy.y_train[wrong] - clean.y_train[wrong]) % 10, minlength=10)
    assert counts[0] == 0
    assert (counts[1:] > 0.4 * wrong.sum() / 9).all()
    assert (clean.y == dataset.y_train).all()
