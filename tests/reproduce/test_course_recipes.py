"""The recipes of the course reports, whole, on the digits that come with scikit-learn."""

import json

import pytest
from tests.commands import process
from tests.slow import quick

from handgrad.claims import REPORTS, find_document, read_document
from handgrad.claims.questions import VARIANTS
from handgrad.reproduce.plan import Choice, make_plan

LARGEST_BYTES = 4_000_000


@pytest.fixture(params=quick(REPORTS, ["ee6132-momentum"]))
def report(request):
    return request.param


def test_every_experiment_with_numbers_stands_under_a_question(report, tmp_path):
    document = read_document(find_document(report))
    plan = make_plan(document, Choice(), tmp_path)
    printed = {name for name, experiment in document.experiments.items() if experiment.printed.model_fields_set}
    assert printed <= {name for question in document.questions for name in question.experiments}
    assert set(document.claims) == {name for question in document.questions for name in question.claims}
    trained = {variant for _, variant in [*plan.runs, *plan.lacking]}
    assert trained == set(VARIANTS if document.reports else VARIANTS[:1])


@pytest.mark.slow
def test_a_whole_report_on_digits(report, tmp_path, request):
    if "torch" in find_document(report).read_text():
        request.getfixturevalue("torch")
    answer = process(f"reproduce {report} --quick --dataset digits --seeds 1 --jobs 2 -o {tmp_path}")
    assert answer.code == 0, answer.err
    results = json.loads((tmp_path / "results.json").read_text())
    values = [row["values"] for variants in results["experiments"].values() for row in variants.values()]
    assert all(0 <= value <= 100 for each in values for value in each.get("test_accuracy", []))
    assert any(each.get("test_accuracy") for each in values)
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) <= LARGEST_BYTES
    places = [page.index(f'id="question-{question.id}"') for question in read_document(find_document(report)).questions]
    assert places == sorted(places)
    assert "quick version on a subset, on digits" in page
