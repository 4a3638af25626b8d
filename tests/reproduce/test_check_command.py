"""`handgrad check`: what it prints, writes and refuses; and the example of docs/claims.md."""

import json
import re
from pathlib import Path

import pytest
from tests.commands import call

from handgrad.claims import REPORTS

GUIDE = Path(__file__).parents[2] / "docs" / "claims.md"


@pytest.mark.parametrize("report", [report for report in REPORTS if report != "da6401-2026"])
def test_reports_by_name_within_80_columns(capsys, report):
    answer = call(capsys, f"check {report}")
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= 80
    assert re.fullmatch(r"\d+ claims: .*", answer.out.splitlines()[-1])


def test_verdicts_are_results_and_no_errors(capsys):
    answer = call(capsys, "check ee5179")
    assert answer.code == 0
    assert "CONTRADICTED  Tanh raises the accuracy by over 10 %." in answer.out


def test_json_and_markdown(capsys, tmp_path):
    answer = call(capsys, f"check dl-2022 --format md --json {tmp_path}/verdicts.json")
    assert answer.out.startswith("# DL (2022)")
    assert "| Batch norm improves the CNN. | **tie** |" in answer.out
    verdicts = {each["name"]: each for each in json.loads((tmp_path / "verdicts.json").read_text())["verdicts"]}
    assert verdicts["batch_norm_helps"]["differences"][0]["statistic"] == pytest.approx(1.216, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ("check", 2, "required"),
        ("check ee5197", 2, "unknown report 'ee5197': did you mean ee5179?"),
        ("check nothing.yaml", 4, "cannot read nothing.yaml"),
        ("check ee5179 --format html", 2, "invalid choice"),
    ],
)
def test_refusals(capsys, words, code, expected):
    answer = call(capsys, words)
    assert answer.code == code
    assert expected in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_malformed_file_is_a_mistake_of_usage(capsys, tmp_path):
    (tmp_path / "claims.yaml").write_text("title: x\nexperiments: {}\nclaims: {a: {says: b}}\n")
    answer = call(capsys, f"check {tmp_path}/claims.yaml")
    assert answer.code == 2
    assert "claims.a: must have exactly one of" in answer.err


def test_the_example_of_the_guide(capsys, tmp_path):
    text = GUIDE.read_text()
    (tmp_path / "claims.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    shown = re.search(r"\$ handgrad check claims.yaml\n(.*?)```", text, re.DOTALL)[1]
    answer = call(capsys, f"check {tmp_path}/claims.yaml")
    assert [line.rstrip() for line in answer.out.splitlines()] == [line.rstrip() for line in shown.splitlines()]
