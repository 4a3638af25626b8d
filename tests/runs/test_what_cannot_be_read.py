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
    "config.yaml": ["resume run", "evaluate run"],
    "metrics.json": ["resume run"],
    "model.safetensors": ["evaluate run"],
    "history.jsonl": ["figures run --only loss"],
}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
@pytest.mark.parametrize("name", READERS)
def test_in_place_of_a_file(run, capsys, name, thing):
    shutil.copytree(run, "run2")
    (run / name).unlink()
    thing(run / name)
    for words in READERS[name]:
        answer = call(capsys, words)
        assert answer.code in (2, 4)
        assert f"cannot read run/{name}: " in answer.out + answer.err
        assert "Traceback" not in answer.err
    answer = call(capsys, "runs --runs_dir .")
    assert answer.code == 0
    assert [line.split()[-1] for line in answer.out.splitlines()[1:]].count("run") == 1


@pytest.mark.parametrize("thing", [pipe, listening, device], ids=lambda thing: thing.__name__)
def test_in_place_of_the_log_or_the_facts(run, capsys, thing):
    for name in ("metrics.json", "model.safetensors", "log.txt"):
        (run / name).unlink()
    thing(run / "log.txt")
    answer = call(capsys, "resume run")
    assert (answer.code, "log.txt: not a regular file" in answer.err) == (4, True), answer
    for name in ("log.txt", "run.json"):
        (run / name).unlink()
    thing(run / "run.json")
    answer = call(capsys, "resume run")
    assert (answer.code, "cannot read run/run.json" in answer.err) == (0, True), answer


def test_a_damaged_run_is_listed(run, capsys):
    for name, content in (("one", b"epochs: [1"), ("two", b"\xff"), ("three", None)):
        shutil.copytree(run, name)
        path = run.parent / name / "config.yaml"
        path.unlink() if content is None else path.write_bytes(content)
    answer = call(capsys, "runs --runs_dir .")
    assert sum(" damaged " in line for line in answer.out.splitlines()) == 3
    assert call(capsys, "runs --runs_dir run/config.yaml").code == 4


def test_a_changed_digit_is_noticed(run, capsys):
    lines = (run / "history.jsonl").read_text().splitlines()
    (place,) = [number for number, line in enumerate(lines) if '"losses"' in line][-1:]
    first = lines[place].index("[") + 4
    lines[place] = lines[place][:first] + str((int(lines[place][first]) + 1) % 10) + lines[place][first + 1 :]
    (run / "history.jsonl").write_text("\n".join(lines) + "\n")
    for words in ("figures run --only loss",):
        assert (
            f"line {place + 1} is torn, altered or out of order (its digest does not match)" in call(capsys, words).err
        )
    (run / "history.jsonl").write_text("\n".join(lines[:place] + lines[place + 1 :]) + "\n")
    assert "its digest does not match" in call(capsys, "figures run --only loss").err
    text = (run / "metrics.json").read_text()
    (run / "metrics.json").write_text(text.replace('"accuracy": 0.', '"accuracy": 0.1'))
    with pytest.raises(CorruptDataError, match="was altered after it was written"):
        _ = open_run(run).metrics
