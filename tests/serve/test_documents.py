"""Results of a class, hand-ins and reports: read while they are written and torn, opened in place, never by a path."""

import json
import math
import os

import pytest
from tests.serve.asking import PORT, TOKEN, ask, post

pytest.importorskip("starlette", reason="starlette is not installed: python -m pip install starlette uvicorn")

from handgrad.serve.app import Laboratory, build
from handgrad.serve.limits import Guard
from handgrad.serve.run_index import identifier
from handgrad.verify.outcome import RIGHT, WRONG, Check, Outcome
from handgrad.verify.report import class_rows

SECRET = "nobody may read this"
SIGN = Check("gradient", WRONG, "the sign of dweight is wrong", 2.0, "layer 2", "sign", 1e-9, "net.py:3")
OUTCOMES = [
    Outcome("ada", "none", checks=[Check("forward", RIGHT, "as it should be")], seconds=1.25),
    Outcome("<b>eve", "none", checks=[SIGN, Check("loss", WRONG, "twice as large")], seconds=2.0),
    Outcome("nobody", remarks=["importing everything failed"]),
]


@pytest.fixture
def application(tmp_path):
    checks = tmp_path / "checks"
    checks.mkdir()
    (tmp_path / "secret.html").write_text(SECRET)
    for outcome in OUTCOMES:
        (checks / f"{outcome.folder}.json").write_text(json.dumps(outcome.mapping()))
        (checks / f"{outcome.folder}.html").write_text(f"page of {outcome.folder[-3:]}")
    laboratory = Laboratory(tmp_path / "runs")
    found = Guard(build(laboratory), frozenset({"127.0.0.1"}), PORT, TOKEN)
    found.laboratory = laboratory
    return found


def table(application, since=0):
    students = application.laboratory.documents.students
    students._looked = students._looked_thoroughly = -math.inf
    return json.loads(ask(application, f"/api/class?since={since}").body)


def test_a_class_is_the_table_of_the_command(application, tmp_path):
    found = table(application)
    rows = {row["student"]: row for row in found["rows"]}
    for expected in class_rows(OUTCOMES):
        assert expected.items() <= rows[expected["student"]].items()
    assert rows["<b>eve"]["words"] == "the sign of dweight is wrong"
    assert rows["nobody"]["words"] == "importing everything failed"
    page = ask(application, f"/class/{rows['<b>eve']['id']}/page")
    assert page.body == b"page of eve"
    assert page.headers["content-security-policy"].startswith("sandbox allow-popups; default-src 'none'")


def test_only_results_that_changed_are_sent(application, tmp_path):
    first = table(application)
    assert table(application, first["version"])["rows"] == []
    ada = tmp_path / "checks" / "ada.json"
    ada.write_text(json.dumps(Outcome("ada", checks=[SIGN]).mapping()))
    second = table(application, first["version"])
    assert [(row["student"], row["verdict"]) for row in second["rows"]] == [("ada", "wrong")]
    ada.unlink()
    assert identifier(ada) not in table(application, second["version"])["ids"]
    for since in ("-1", "x", "9" * 3000, "²"):
        assert len(table(application, since)["rows"]) == 2


DAMAGE = {
    "torn": '{"checks": [{"name"',
    "checks of numbers": '{"checks": [1, 2]}',
    "checks a number": '{"folder": "ada", "checks": 3}',
    "no folder": '{"checks": []}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGE.values(), ids=DAMAGE)
def test_a_torn_result_is_named_and_stops_nothing(application, tmp_path, text):
    (tmp_path / "checks" / "ada.json").write_text(text)
    (tmp_path / "checks" / "notes.json").write_text('{"x": 1}')
    os.mkfifo(tmp_path / "checks" / "pipe.json")
    found = table(application)
    rows = {row["student"]: row for row in found["rows"]}
    assert rows["ada"]["verdict"] == "damaged"
    assert "ada.json" in rows["ada"]["words"]
    assert rows["<b>eve"]["verdict"] == "wrong"
    assert found["others"] == ["notes.json"]


def test_links_are_not_followed(application, tmp_path):
    page, result = tmp_path / "checks" / "ada.html", tmp_path / "checks" / "link.json"
    page.unlink()
    page.symlink_to(tmp_path / "secret.html")
    result.symlink_to(tmp_path / "checks" / "ada.json")
    assert identifier(result) not in table(application)["ids"]
    reply = ask(application, f"/class/{identifier(page.with_suffix('.json'))}/page")
    assert reply.status == 400
    assert SECRET.encode() not in reply.body


def test_reports_are_listed_with_what_writes_them_and_opened(application, tmp_path):
    for place in ("reproductions/da6401", "labs/symmetry", "essay", "torn", "private"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "report.html").write_text(f"report of {place}")
    (tmp_path / "essay" / "hand-in.yaml").write_text("title: On depth\n")
    (tmp_path / "torn" / "hand-in.yaml").write_text("title: [x")
    (tmp_path / "torn" / "report.html").unlink()
    found = json.loads(ask(application, "/api/reports").body)
    assert found["folder"] == str(tmp_path)
    rows = {row["name"]: row for row in found["rows"]}
    assert set(rows) == {"da6401", "symmetry", "essay", "torn"}  # a report that no command of ours writes there is none
    assert (rows["essay"]["title"], rows["essay"]["command"]) == ("On depth", f"handgrad report {tmp_path / 'essay'}")
    assert rows["da6401"]["command"] == "handgrad reproduce da6401"
    assert rows["torn"]["written"] is None
    assert "hand-in.yaml" in rows["torn"]["damage"]
    assert ask(application, f"/report/{rows['symmetry']['id']}").body == b"report of labs/symmetry"
    assert ask(application, f"/report/{rows['torn']['id']}").status == 400
    assert ask(application, f"/report/{identifier(tmp_path / 'private' / 'report.html')}").status == 400


@pytest.mark.parametrize("name", [None, "", "../essay", "essay", 3, [], "0" * 12])
def test_what_is_no_hand_in_is_looked_up_in_vain(application, tmp_path, name):
    (tmp_path / "labs" / "a").mkdir(parents=True)
    (tmp_path / "labs" / "a" / "report.html").write_text("x")
    for action in ("check", "report"):
        for each in (name, identifier(tmp_path / "labs" / "a" / "report.html")):
            assert post(application, f"/api/hand-in/{action}", {"report": each}).status == 400
    assert application.laboratory.jobs.all == []
