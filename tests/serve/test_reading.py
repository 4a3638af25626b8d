"""The table and the curves while run folders grow, are torn, come and go."""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest
from tests.processes import wait_for
from tests.serve.asking import made_up_run

from handgrad.files import json_text, lock_folder
from handgrad.run_folder import RunFolder
from handgrad.serve.curves import POINTS, Curves, CurveStore
from handgrad.serve.run_index import WHOLE_BYTES, RunIndex, brief_result, identifier, lock_holders


@pytest.fixture
def index(tmp_path):
    found = RunIndex(tmp_path)
    found.refresh()
    return found


def look(index: RunIndex) -> list[dict]:
    index._looked = index._looked_thoroughly = -math.inf
    index.refresh()
    return index.table()["rows"]


def test_rows_are_those_of_the_runs_command(index, tmp_path):
    made_up_run(tmp_path / "one", 0.9)
    (row,) = look(index)
    assert (row["name"], row["state"], row["test"], row["epochs"], row["seconds"]) == ("one", "finished", 0.9, 3, 1.5)


def test_only_what_changed_is_sent(index, tmp_path):
    for seed in range(3):
        made_up_run(tmp_path / str(seed), None, seed=seed)
    look(index)
    seen = index.table()["version"]
    assert index.table(seen)["rows"] == []
    shutil.copy(made_up_run(tmp_path / "else" / "x") / "metrics.json", tmp_path / "1" / "metrics.json")
    shutil.rmtree(tmp_path / "else")
    look(index)
    assert [row["name"] for row in index.table(seen)["rows"]] == ["1"]
    shutil.rmtree(tmp_path / "2")
    look(index)
    assert identifier(tmp_path / "2") not in index.table(seen)["ids"]
    assert index.find(identifier(tmp_path / "2")) is None


def test_settings_are_those_that_differ(index, tmp_path):
    made_up_run(tmp_path / "a", optimizer="adam")
    assert look(index)[0]["settings"] == {}
    seen = index.version
    made_up_run(tmp_path / "b", optimizer="sgd")
    look(index)
    assert {row["settings"]["optimizer"] for row in index.table(seen)["rows"]} == {"adam", "sgd"}


def test_seeds_of_one_configuration_are_a_group(index, tmp_path):
    made_up_run(tmp_path / "a", seed=0)
    made_up_run(tmp_path / "b", seed=1, name="b", track=["wandb"])
    made_up_run(tmp_path / "c", seed=1, optimizer="sgd")
    a, b, c = (row["group"] for row in sorted(look(index), key=lambda row: row["name"]))
    assert a == b != c


DAMAGE = {
    "metrics torn": lambda run: (run / "metrics.json").write_text('{"test": {'),
    "metrics no object": lambda run: (run / "metrics.json").write_text("[]"),
    "metrics altered": lambda run: (run / "metrics.json").write_text('{"stopped": "x", "digest": "0"}'),
    "metrics a folder": lambda run: ((run / "metrics.json").unlink(), (run / "metrics.json").mkdir()),
    "facts torn": lambda run: (run / "run.json").write_text("{"),
    "facts without settings": lambda run: (run / "run.json").write_text(json_text({"config": [1]})),
    "facts deep": lambda run: (run / "run.json").write_text("[" * 100_000),
    "config gone": lambda run: (run / "config.yaml").unlink(),
    "history a pipe": lambda run: ((run / "history.jsonl").unlink(), os.mkfifo(run / "history.jsonl")),
    "history no text": lambda run: (run / "history.jsonl").write_bytes(b"\xff\x00\n" * 50),
    "history of lists": lambda run: (run / "history.jsonl").write_text('[1]\n{"epoch": 3}\n{"losses": 3}\n'),
    "all gone": shutil.rmtree,
    "a file": lambda run: (shutil.rmtree(run), run.write_text("x")),
    "a link to itself": lambda run: (shutil.rmtree(run), run.symlink_to(run)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_shown_and_stops_nothing(index, tmp_path, name):
    made_up_run(tmp_path / "good")
    run = made_up_run(tmp_path / "bad")
    look(index)
    curves = CurveStore()
    curves.newer(RunFolder(run), -1)
    DAMAGE[name](run)
    rows = {row["name"]: row for row in look(index)}
    assert rows["good"]["state"] == "finished"
    if name.startswith("metrics"):
        assert rows["bad"]["state"] == "damaged"
    curves.newer(RunFolder(run), -1)
    CurveStore().newer(RunFolder(run), -1)


def test_a_folder_of_runs_may_go_and_come(tmp_path):
    home = tmp_path / "runs"
    index = RunIndex(home)
    assert look(index) == []
    made_up_run(home / "one")
    assert len(look(index)) == 1
    shutil.rmtree(home)
    assert look(index) == []


def test_large_results_are_read_without_their_epochs(tmp_path):
    run = RunFolder(made_up_run(tmp_path / "long", 0.8, epochs=2000))
    assert run.metrics_file.stat().st_size > WHOLE_BYTES
    assert brief_result(run) == run.result
    content = run.metrics_file.read_bytes()
    run.metrics_file.write_bytes(content[: WHOLE_BYTES + 99])
    assert brief_result(run).state == "damaged"


def test_a_run_in_work_is_seen_and_its_process_known(index, tmp_path):
    run = made_up_run(tmp_path / "one", None)
    assert look(index)[0]["state"] == "to resume"
    code = (
        "import sys, pathlib, handgrad.files as f; f.lock_folder(pathlib.Path(sys.argv[1])); print(flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert look(index)[0]["state"] == "running"
        if lock_holders() is not None:
            assert process.pid in lock_holders().values()
        process.stdin.write(b"\n")
        process.stdin.close()
    wait_for(lambda: look(index)[0]["state"] == "to resume", "that it is to be resumed")
    lock = lock_folder(run)  # nobody has kept it from being taken
    assert lock is not None
    os.close(lock)


def line_of(epoch: int, loss: float = 1.0) -> str:
    steps = {"first": 4 * epoch - 3, "losses": [loss] * 4, "correct": [1] * 4, "norms": {str(4 * epoch): 2.0}}
    row = {"epoch": epoch, "step": 4 * epoch, "train_loss": loss, "validation_loss": None, "seconds": 0.5}
    return json.dumps(steps) + "\n" + json.dumps({"epoch": row}) + "\n"


def test_curves_are_read_on_wherever_the_writer_stops(tmp_path):
    text = "".join(line_of(epoch, 1 / epoch) for epoch in range(1, 8))
    whole = Curves(tmp_path / "whole")
    (tmp_path / "whole").write_text(text)
    whole.read()
    growing = Curves(tmp_path / "growing")
    for cut in range(0, len(text) + 1, 37):
        (tmp_path / "growing").open("a").close()
        with (tmp_path / "growing").open("r+") as file:
            file.write(text[:cut])
        growing.read()
    with (tmp_path / "growing").open("r+") as file:
        file.write(text)
    growing.read()
    assert growing.payload() == whole.payload()
    assert whole.payload()["epochs"]["seconds"] == [0.5 * epoch for epoch in range(1, 8)]
    assert whole.payload()["norms"] == [list(range(4, 29, 4)), [2.0] * 7]


def test_a_history_that_was_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(line_of(1) + line_of(2) + "torn\n" + line_of(3))
    curves = Curves(path)
    curves.read()
    assert curves.payload()["epochs"]["epoch"] == [1, 2]
    assert curves.payload()["torn"]
    (tmp_path / "new").write_text(line_of(1) + line_of(2) + line_of(3))
    os.replace(tmp_path / "new", path)
    curves.read()
    assert curves.payload()["epochs"]["epoch"] == [1, 2, 3]


def test_long_curves_keep_their_ends_and_their_means(tmp_path):
    path, epochs = tmp_path / "history.jsonl", 9001
    path.write_text("".join(line_of(epoch, float(epoch % 2)) for epoch in range(1, epochs + 1)))
    curves = Curves(path)
    curves.read()
    found = curves.payload()
    assert len(found["epochs"]["epoch"]) <= 2 * POINTS + 1
    assert (found["epochs"]["epoch"][0], found["epochs"]["epoch"][-1]) == (1, epochs)
    assert len(found["losses"]) <= 2 * POINTS
    assert found["each"] == 32
    assert len(found["losses"]) == 4 * epochs // 32
    assert set(found["losses"]) == {0.5}  # 32 iterations are four epochs of loss 0 and four of loss 1
