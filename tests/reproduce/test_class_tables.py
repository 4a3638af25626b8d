"""Tables of predictions that are made up, with every number worked out by hand."""

import numpy as np

from handgrad.claims.document import Experiment
from handgrad.evaluation import Predictions
from handgrad.reports.blocks import Details, Table
from handgrad.reproduce.experiment_tables import TABLES, Subject

# Six cats (two taken for dogs, one for an owl), four dogs (one taken for a cat), no owl is right: one for a cat.
LABELS = np.repeat([0, 1, 2], (6, 4, 1))
GUESSES = np.array([0, 0, 0, 1, 1, 2, 1, 1, 1, 0, 0])
NAMES = ("cat", "dog", "owl")


def subject(**printed):
    predictions = Predictions(np.eye(3)[GUESSES], LABELS, NAMES)
    return Subject("a network", Experiment(printed=printed), (), [predictions])


def test_classes_have_the_shares_of_their_images():
    (table,) = [block for block in TABLES["classes"][1](subject()) if isinstance(block, Table)]
    assert table.header == ("class", "precision %", "recall %", "F1 %", "images")
    # of five called cats three are; of six cats three are found: 2 * 3/5 * 3/6 / (3/5 + 3/6) = 6/11
    assert table.rows[0] == ("cat", "60.00", "50.00", "54.55", "6")
    assert table.rows[2] == ("owl", "0.00", "0.00", "0.00", "1")


def test_each_fold_has_its_confusion_matrix_and_classes(monkeypatch):
    class Run:
        class config:
            fold = None

    whole = subject().predictions[0]
    halves = [whole._replace(scores=whole.scores[rows], labels=whole.labels[rows]) for rows in (slice(5), slice(5, 11))]
    monkeypatch.setattr("handgrad.reproduce.experiment_tables.test_folds", lambda config, predictions: halves)
    monkeypatch.setattr("handgrad.reproduce.experiment_tables.validates_on_test", lambda config: False)
    table, first, second = TABLES["folds"][1](subject()._replace(runs=[Run]))
    assert [row[:3] for row in table.rows] == [("1", "5", "60.00"), ("2", "6", "50.00")]
    assert all(isinstance(each, Details) for each in (first, second))
    (matrix,) = first.blocks  # five cats: three right, two called dogs
    assert matrix.rows[0] == ("cat", "3", "2", "0", "100.00", "60.00", "75.00")
    assert second.blocks[0].rows[1][:4] == ("dog", "1", "3", "0")
