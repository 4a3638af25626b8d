"""The sweeps of the page while they run, pause, are torn, come and go; what a request may name of them."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.serve.asking import PORT, TOKEN, ask, post

pytest.importorskip("starlette", reason="starlette is not installed: python -m pip install starlette uvicorn")

from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.files import lock_file
from handgrad.serve.app import Laboratory, build
from handgrad.serve.limits import Guard
from handgrad.serve.run_index import identifier, lock_holders
from handgrad.serve.sweep_index import SweepIndex, usual_sweeps_dir
from handgrad.serve.sweep_pages import resume_flags
from handgrad.serve.worker import analysed
from handgrad.sweeps import Hyperband, SweepDefinition
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.definition import Stop
from handgrad.sweeps.folder import Settings, create_sweep
from handgrad.sweeps.space import Categorical, LogUniformValues
from handgrad.sweeps.store import FINISHED, RUNNING, STOPPED, Trial

SPACE = {"learning_rate": LogUniformValues(0.001, 1.0), "activation": Categorical(("relu", "tanh"))}


def made_sweep(path, trials=3, wanted=4):
    """A sweep on the disk with trials that nobody has trained."""
    definition = SweepDefinition(SPACE, method="random", early_terminate=Hyperband(min_iter=1))
    sweep = create_sweep(path, definition, RunConfig(dataset="digits"), Settings("random", configurations=wanted))
    add(sweep, *(made_trial(number) for number in range(trials)))
    return sweep


def made_trial(number, **fields):
    values = {"learning_rate": 0.001 * 1.3 ** (number % 20), "activation": ("relu", "tanh")[number % 2]}
    objective = 0.5 + 0.4 * math.sin(number)
    return replace(Trial(number, values, f"run{number}", 0, 0, FINISHED, objective, {1: objective}, 1.5, 1e9), **fields)


def add(sweep, *trials):
    with open_storage(sweep.storage_url) as (_, database):
        store = sweep.store(database)
        for trial in trials:
            store.add(trial)
        sweep.save(store.trials())


@pytest.fixture
def index(tmp_path):
    return SweepIndex(tmp_path / "sweeps")


def look(index, name=""):
    """The rows of all sweeps by name, read at once."""
    index._looked = index._looked_thoroughly = -math.inf
    index.refresh(name)
    return {row["name"]: row for row in index.table()["rows"]}


def trials_of(index, sweep, seen=-1):
    look(index)
    entry = index.find(identifier(sweep.path))
    if entry.trials:
        entry.trials._next = 0.0
    return index.trials(entry.id).newer(seen)


def test_a_row_says_how_far_a_sweep_is_and_its_best(index, tmp_path):
    assert look(index) == {}
    made_sweep(tmp_path / "sweeps" / "one")
    row = look(index)["one"]
    assert (row["state"], row["ended"], row["wanted"], row["states"]) == ("to resume", 3, 4, {"finished": 3})
    assert row["best"] == {"number": 2, "objective": 0.5 + 0.4 * math.sin(2)}
    assert row["parameters"]["learning_rate"] == {"values": None, "log": True}
    assert row["parameters"]["activation"] == {"values": ["relu", "tanh"], "log": False}
    assert row["resume"] == f"handgrad sweep resume {tmp_path / 'sweeps' / 'one'}"
    made_sweep(tmp_path / "sweeps" / "two", 4)
    assert look(index)["two"]["state"] == "finished"
    shutil.rmtree(tmp_path / "sweeps" / "one")
    assert list(look(index)) == ["two"]


def test_only_trials_that_changed_are_sent(index, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one", 2)
    add(sweep, made_trial(2, state=RUNNING, objective=None, driver="ab"))
    first = trials_of(index, sweep)
    assert [row["number"] for row in first["rows"]] == [0, 1, 2]
    assert trials_of(index, sweep, first["version"])["rows"] == []
    stop = Stop(1, 0.5, 0.1, 3)
    with open_storage(sweep.storage_url) as (_, database):
        store = sweep.store(database)
        store.finish(2, STOPPED, objective=0.1, why="after epoch 1, worse", stop=stop)
        store.add(made_trial(3))
    second = trials_of(index, sweep, first["version"])
    assert [(row["number"], row["state"], row["rung"]) for row in second["rows"]] == [
        (2, "stopped", 1),
        (3, "finished", None),
    ]
    assert second["rows"][0]["why"] == "after epoch 1, worse"
    assert not second["whole"]


def test_a_database_that_was_replaced_is_read_anew(index, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one", 3)
    (sweep.runs_dir / "run0").mkdir()
    first = trials_of(index, sweep)
    sweep.study_file.unlink()
    gone = trials_of(index, sweep, first["version"])
    assert gone["whole"]
    assert gone["rows"] == []
    assert gone["damage"].startswith("its study.db is missing: `handgrad sweep resume`")
    add(sweep, made_trial(0, run="other"))
    again = trials_of(index, sweep, gone["version"])
    assert [row["run"] for row in again["rows"]] == ["other"]


DAMAGE = {
    "summary torn": lambda sweep: sweep.summary_file.write_text('{"settings": {'),
    "summary no object": lambda sweep: sweep.summary_file.write_text("[]"),
    "summary without states": lambda sweep: sweep.summary_file.write_text('{"settings": {"method": "grid"}}'),
    "summary of lists": lambda sweep: sweep.summary_file.write_text('{"settings": [1], "states": 3, "best": []}'),
    "summary a folder": lambda sweep: (sweep.summary_file.unlink(), sweep.summary_file.mkdir()),
    "definition torn": lambda sweep: (sweep.path / "sweep.yaml").write_text("parameters: {a"),
    "definition changed": lambda sweep: (sweep.path / "sweep.yaml").write_text("name: x\n"),
    "definition gone": lambda sweep: (sweep.path / "sweep.yaml").unlink(),
    "definition a pipe": lambda sweep: ((sweep.path / "sweep.yaml").unlink(), os.mkfifo(sweep.path / "sweep.yaml")),
    "base gone": lambda sweep: (sweep.path / "base.yaml").unlink(),
    "all gone": lambda sweep: shutil.rmtree(sweep.path),
    "a file": lambda sweep: (shutil.rmtree(sweep.path), sweep.path.write_text("x")),
    "a link to itself": lambda sweep: (shutil.rmtree(sweep.path), sweep.path.symlink_to(sweep.path)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_shown_and_stops_nothing(index, tmp_path, name):
    good, bad = (made_sweep(tmp_path / "sweeps" / each) for each in ("good", "bad"))
    trials_of(index, bad)
    DAMAGE[name](bad)
    rows = look(index)
    assert rows["good"]["ended"] == 3
    if "bad" in rows and not name.startswith("a "):
        assert rows["bad"]["state"] == "damaged"
        assert str(bad.path) in rows["bad"]["damage"]
    assert len(trials_of(index, good)["rows"]) == 3
    index.trials(identifier(bad.path))


TORN = {
    "short": lambda file: file.write_bytes(file.read_bytes()[:5000]),
    "no database": lambda file: file.write_text("x" * 9999),
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
}


@pytest.mark.parametrize("name", TORN)
def test_a_torn_database_is_named_and_what_was_known_stays(index, tmp_path, name):
    sweep = made_sweep(tmp_path / "sweeps" / "one")
    trials_of(index, sweep)
    TORN[name](sweep.study_file)
    assert "study.db" in trials_of(index, sweep)["damage"]


def test_a_run_of_a_trial_is_found_and_a_path_is_none(index, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one")
    add(sweep, made_trial(3, run="../../secret"))
    trials = index.trials(trials_of(index, sweep) and identifier(sweep.path))
    assert trials.folder(trials.rows[0][1]).path == sweep.runs_dir / "run0"
    assert [trials.folder({"run": run}) for run in ("../../secret", "..", ".", "", "a/b", "/etc", 3)] == [None] * 7
    (sweep.runs_dir / "run0").mkdir()
    assert index.find_run(identifier(sweep.runs_dir / "run0")).name == "run0"
    assert index.find_run(identifier(sweep.runs_dir / "../../secret")) is None


DRIVER = (  # a command in the background of a shell inherits that SIGINT is ignored
    "import signal, sys, time, pathlib, handgrad.files as f; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "f.lock_file(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep(60)"
)


@pytest.mark.skipif(lock_holders() is None, reason="this system does not say who holds a lock")
def test_a_driven_sweep_runs_and_is_paused_as_by_ctrl_c(application, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one")
    index, name = application.laboratory.sweeps.index, identifier(sweep.path)
    lock = f"{sweep.study_file}.lock"
    with subprocess.Popen([sys.executable, "-c", DRIVER, lock], stdout=subprocess.PIPE, stderr=-3) as driver:
        driver.stdout.readline()
        assert look(index)["one"]["state"] == "running"
        reply = post(application, "/api/sweep/pause", {"sweep": name})
        assert json.loads(reply.body) == {"command": f"kill -INT {driver.pid}"}
        assert driver.wait(10) in (1, -signal.SIGINT)
    assert look(index)["one"]["state"] == "to resume"
    reply = post(application, "/api/sweep/pause", {"sweep": name})
    assert json.loads(reply.body)["error"] == f"no process drives {sweep.path}"
    os.close(lock_file(Path(lock)))


@pytest.fixture
def application(tmp_path):
    laboratory = Laboratory(tmp_path / "runs")
    found = Guard(build(laboratory), frozenset({"127.0.0.1"}), PORT, TOKEN)
    found.laboratory = laboratory
    return found


def test_a_trial_is_shown_with_all_that_is_kept_of_it(application, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one", 1)
    add(sweep, made_trial(1, epochs={1: 0.25, 2: math.nan}, stop=Stop(2, 0.5, 0.2, 9), state=STOPPED, why="worse"))
    look(application.laboratory.sweeps.index)
    found = json.loads(ask(application, f"/api/trial/{identifier(sweep.path)}/1").body)
    assert (found["epochs"], found["stop"], found["why"]) == ([[1, 0.25], [2, None]], [2, 0.5, 0.2, 9], "worse")
    for number in ("2", "-1", "x", "1.0", "٣", "9" * 3000):
        assert ask(application, f"/api/trial/{identifier(sweep.path)}/{number}").status == 400


def test_the_stream_says_where_it_looks_and_what_is_new(application, tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one")
    news = application.laboratory.sweeps.news(identifier(sweep.path))
    first, second = list(news())
    assert first.startswith("event: sweeps\n")
    assert json.loads(first.partition("data: ")[2])["folder"] == str(tmp_path / "sweeps")
    assert len(json.loads(second.partition("data: ")[2])["rows"]) == 3
    assert list(news()) == []


def test_what_is_no_sweep_is_looked_up_in_vain(application, tmp_path):
    made_sweep(tmp_path / "sweeps" / "one")
    look(application.laboratory.sweeps.index)
    for action in ("analyse", "pause", "resume", "report"):
        for name in (None, "", "../one", "one", 3, [], {}, "0" * 12):
            assert post(application, f"/api/sweep/{action}", {"sweep": name}).status == 400
    assert application.laboratory.jobs.all == []


def test_flags_of_a_resumed_sweep_are_numbers():
    assert resume_flags({"trials": " 30 ", "jobs": "", "hours": "1.5"}) == ["--trials", "30", "--hours", "1.5"]
    wrong = [
        {"trials": "0"},
        {"trials": "1e3"},
        {"jobs": "-1"},
        {"jobs": "2.5"},
        {"hours": "--debug"},
        {"hours": "nan"},
    ]
    for fields in [*wrong, {"hours": "nan"}, {"hours": "."}, {"trials": "9" * 400}, {"trials": ["3"]}, {"jobs": "²"}]:
        with pytest.raises(UsageError, match=next(iter(fields))):
            resume_flags(fields)


def test_the_usual_folder_of_sweeps_is_beside_the_runs(tmp_path):
    assert usual_sweeps_dir(Path("runs")) == Path("sweeps")
    assert usual_sweeps_dir(Path("/a/runs")) == Path("/a/sweeps")
    sweep = made_sweep(tmp_path / "here" / "one", 0)
    assert usual_sweeps_dir(sweep.runs_dir) == tmp_path / "here"


@pytest.mark.slow
def test_an_analysis_is_that_of_the_report(tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one", 20, wanted=20)
    found = json.loads(json.dumps(analysed({"path": str(sweep.path), "driven": False}), allow_nan=False))
    expected = analyse(sweep, sweep.trials())
    assert found["recommendation"]["command"] == expected.recommendation.command
    assert found["recommendation"]["expected"].startswith(f"{100 * expected.recommendation.predicted.mean:.2f} %")
    assert [row[1] for row in found["importances"]["rows"]] == [e.name.replace("_", " ") for e in expected.importances]
    assert "20 configurations" in found["importances"]["title"]
    assert found["standing"] == "20 of 20 trials are done"


def test_the_server_reads_sweeps_without_numpy(tmp_path):
    sweep = made_sweep(tmp_path / "sweeps" / "one")
    code = (
        "import sys, pathlib; from handgrad.serve.app import Laboratory\n"
        "from handgrad.serve.run_index import identifier\n"
        "index = Laboratory(pathlib.Path(sys.argv[1])).sweeps.index; index.refresh()\n"
        "assert len(index.trials(identifier(pathlib.Path(sys.argv[2]))).rows) == 3; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "runs", sweep.path], check=True)
