"""What docs/reports/coverage.yaml says to cover a row exists, and coverage.md is made of it."""

import pytest
from tests.reproduce.scripts import FOLDER, script

from handgrad.claims import REPORTS, read_document, report_file

LIST = "id\treport\tgroup\tkind\tcapability\tcondition\tvalue\n"


@pytest.fixture(scope="module")
def coverage():
    return script("coverage")


@pytest.fixture(scope="module")
def documents():
    return {report: read_document(report_file(report)) for report in REPORTS}


@pytest.fixture(scope="module")
def rows(coverage):
    return coverage.read_rows()


def test_every_row_stands_once_and_in_order(rows):
    listed = [row.id for row in rows if row.id.startswith("S")]
    assert listed == [f"S{number:03d}" for number in range(1, 261)]
    added = [row.id for row in rows if row.id.startswith("R")]
    assert added == [f"R{number:03d}" for number in range(1, len(added) + 1)]
    assert len(listed) + len(added) == len(rows)


def test_every_target_exists(coverage, rows, documents):
    gone = {row.id: coverage.missing(row.entry, documents[row.report]) for row in rows}
    assert {row: names for row, names in gone.items() if names} == {}


def test_the_page_is_made_of_it(coverage, rows, documents):
    assert (FOLDER / "coverage.md").read_text() == coverage.markdown(rows, documents, coverage.read_results())


def test_agreement_is_that_of_the_interval_and_of_the_verdicts(coverage, rows, documents):
    by_id = {row.id: row for row in rows}
    values = {"hand_sigmoid": {"test_accuracy": [88.0, 89.0, 90.0], "train_accuracy": [90.0, 90.1, 90.2]}}
    results = {"ee5179": {"experiments": values, "claims": {"tanh_best": "holds"}}}

    def found(row):
        return coverage.agreement(by_id[row], documents[by_id[row].report], results)

    # 88.81 and 88.48; Student's t of three values: t(0.975, 2) = 4.303, times s / sqrt(3)
    assert found("S005") == "inside (89 [86.52, 91.48])"
    assert found("S006") == "ours above (90.1 [89.85, 90.35])"
    assert found("S007") == "not measured yet"
    assert found("S027") == "tested"
    assert found("S025") == "holds"
    assert found("S003") == "shown"
    assert found("S059") == "not measured yet"


def test_every_printed_number_is_some_row_s(rows, documents):
    covered = {(row.report, row.entry.experiment, row.number) for row in rows if row.number}
    for report, document in documents.items():
        for name, experiment in document.experiments.items():
            printed = {measure for measure, _ in experiment.printed.values()} - {"parameters"}  # counted, not measured
            assert {(report, name, measure) for measure in printed} <= covered


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"experiment": "hand_sine"}, "experiment hand_sine"),
        ({"experiment": "hand_tanh", "numbers": ["macro_f1"]}, "number macro_f1 of hand_tanh"),
        ({"experiment": "hand_tanh", "settings": ["colour"]}, "settings colour"),
        ({"figures": ["tsne"]}, "figures tsne"),
        ({"tables": ["folds"]}, "tables folds"),
        ({"sweep_parts": ["timeline"]}, "sweep_parts timeline"),
        ({"questions": ["9"]}, "questions 9"),
        ({"claims": ["tanh_worst"]}, "claims tanh_worst"),
        ({"commands": ["dance"]}, "commands dance"),
        ({"docs": ["LICENCE"]}, "docs LICENCE"),
        ({"tests": ["tests/test_files.py::test_nothing"]}, "tests tests/test_files.py::test_nothing"),
        ({}, "anything"),
    ],
)
def test_what_is_not_there_is_noticed(coverage, documents, change, missed):
    assert coverage.missing(coverage.Entry(rows="S001", what="x", **change), documents["ee5179"]) == [missed]


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("S005\tee5179\t\t\t\t\t88.81%", []),
        ("S005\tee5179\t\t\t\t\t88.18%", ["S005: the list has 88.18%"]),
        ("S005\tda6401\t\t\t\t\t88.81%", ["S005 belongs to da6401"]),
        ("S006\tee5179\t\t\t\t\t88.81%", ["S006 is not covered", "S005 is not in the list", "S005: the list has "]),
    ],
)
def test_the_list_is_compared(coverage, rows, documents, listed, found):
    header = LIST.strip().split("\t")
    row = next(row for row in rows if row.id == "S005")
    assert coverage.disagreements([row], [dict(zip(header, listed.split("\t"), strict=True))], documents) == found


def test_numbers_of_each_class_are_compared(coverage):
    shares = [0.5, None, 0.25]
    assert coverage._same(shares, ".5 nan .25")
    assert coverage._same(shares, ".5 (undefined) .25(print; the matrix needs .75)")
    assert not coverage._same(shares, ".5 .5 .25")
    assert not coverage._same(shares, ".5 nan")
