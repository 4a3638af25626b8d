"""Whatever stands where a file of a run should be: one line, at once, and never as if there were nothing."""

import os
import shutil
import socket

import pytest
from tests.commands import call

from handgrad.errors import CorruptDataError
from handgrad.runs import open_run


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def dangling(path):
    path.symlink_to("nowhere")


def device(path):
    path.symlink_to("/dev/zero")


THINGS = [folder, pipe, listening, dangling, device]
READERS = {
    "config.yaml": ["resume run", "evaluate run", "report run -o page.md", "train --config run/config.yaml --name y"],
    "metrics.json": ["resume run", "report run -o page.md", "compare run run2"],
    "model.safetensors": ["evaluate run", "export run", "predict run shoe.png"],
    "history.jsonl": ["figures run", "report run -o page.md"],
}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
@pytest.mark.parametrize("name", READERS)
def test_in_place_of_a_file(run, capsys, name, thing):
    shutil.copytree(run, "run2")
    (run / name).unlink()
    thing(run / name)
    for words in READERS[name]:
        answer = call(capsys, words)
        *_, last = answer.err.splitlines()
        assert (answer.code, last.startswith("handgrad: error: cannot read run/")) == (4, True), answer
        assert name in last
        assert "Traceback" not in answer.err
    answer = call(capsys, "runs --runs_dir .")
    assert answer.code == 0
    assert [line.split()[-1] for line in answer.out.splitlines()[1:]].count("run") == 1


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
def test_in_place_of_the_facts_or_the_log(run, capsys, thing):
    for name in ("metrics.json", "model.safetensors", "run.json", "log.txt"):
        (run / name).unlink()
    thing(run / "run.json")
    answer = call(capsys, "resume run")
    if thing is folder:  # nothing can be put in its place
        assert "cannot write run/run.json: Is a directory" in answer.err
        (run / "run.json").rmdir()
    else:
        assert answer.code == 0, answer.err
        assert "run.json" in answer.err
    (run / "metrics.json").unlink(missing_ok=True)
    (run / "log.txt").unlink(missing_ok=True)
    thing(run / "log.txt")
    answer = call(capsys, "resume run")
    assert (answer.code, "cannot write run/log.txt" in answer.err) == (
        (4, True) if thing is not dangling else (0, False)
    )


def test_a_damaged_run_is_listed(run, capsys):
    for name, content in (("one", b"epochs: [1"), ("two", b"\xff"), ("three", None)):
        shutil.copytree(run, name)
        path = run.parent / name / "config.yaml"
        path.unlink() if content is None else path.write_bytes(content)
    answer = call(capsys, "runs --runs_dir .")
    assert sum("its files are damaged" in line for line in answer.out.splitlines()) == 3
    assert call(capsys, "runs --runs_dir run/config.yaml").code == 4


def test_a_changed_digit_is_noticed(run, capsys):
    lines = (run / "history.jsonl").read_text().splitlines()
    (place,) = [number for number, line in enumerate(lines) if '"losses"' in line][-1:]
    first = lines[place].index("[") + 4
    lines[place] = lines[place][:first] + str((int(lines[place][first]) + 1) % 10) + lines[place][first + 1 :]
    (run / "history.jsonl").write_text("\n".join(lines) + "\n")
    for words in ("figures run", "report run -o page.md"):
        assert (
            f"line {place + 1} is torn, altered or out of order (its digest does not match)" in call(capsys, words).err
        )
    (run / "history.jsonl").write_text("\n".join(lines[:place] + lines[place + 1 :]) + "\n")
    assert "its digest does not match" in call(capsys, "figures run").err
    text = (run / "metrics.json").read_text()
    (run / "metrics.json").write_text(text.replace('"accuracy": 0.9', '"accuracy": 0.8'))
    with pytest.raises(CorruptDataError, match="was altered after it was written"):
        _ = open_run(run).metrics
