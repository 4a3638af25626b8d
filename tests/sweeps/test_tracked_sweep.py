"""A sweep whose trials are followed by W&B, offline: what W&B has written is read back from its files."""

import json
import struct
import time
from pathlib import Path

import pytest
from tests.commands import process

from handgrad.sweeps.folder import open_sweep

SPACE = "name: tracked\nmethod: grid\nparameters: {act: {values: [relu, tanh]}, bs: {values: [16, 64]}}\n"
FLAGS = "--dataset digits -nhl 1 -sz 16 -e 3 --no_batch_norm --dropout 0 --jobs 2 --wandb_mode offline -wp mine"
BLOCK, HEAD = 32768, 7  # bytes, of W&B's file and of a record's part in it; the file's own head is as long


def records(path):
    """What a .wandb file holds, in LevelDB's log format: parts with checksum, length, and whether more follow."""
    from wandb.proto import wandb_internal_pb2

    data, place, content = path.read_bytes(), HEAD, b""
    while place + HEAD <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEAD:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEAD])
        content += data[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            content = b""
            yield record


def told(path):
    """Run, settings and summary that a file holds."""
    run, settings, summary = None, {}, {}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            settings = {item.key: json.loads(item.value_json) for item in run.config.update}
        if kind == "summary":
            summary |= {item.key: json.loads(item.value_json) for item in record.summary.update if item.key}
    return run, settings, summary


def processes_in(home):
    """Those whose home folder is `home`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"HOME={home}".encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


@pytest.mark.slow
def test_each_trial_is_a_run_of_its_own_in_the_sweep_s_group(tmp_path):
    pytest.importorskip("wandb", reason="wandb is not installed")
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "sweep.yaml").write_text(SPACE)
    cache = str(Path("~/.cache").expanduser())  # of compiled kernels
    variables = {"HOME": str(home), "XDG_CACHE_HOME": cache, "WANDB_API_KEY": None, "WANDB_MODE": None}
    answer = process(f"sweep sweep.yaml {FLAGS}", cwd=tmp_path, **variables)
    assert (answer.code, answer.err) == (0, "")
    sweep = open_sweep(tmp_path / "sweeps" / "tracked")
    seen = {}
    for trial in sweep.trials():
        folder = tmp_path / "sweeps" / "tracked" / "runs" / trial.run
        (file,) = folder.glob("wandb/offline-run-*/*.wandb")
        run, settings, summary = told(file)
        seen[run.run_id] = trial.run
        assert (run.run_group, run.display_name, run.project) == ("tracked", trial.run, "mine")
        assert {name: settings[name] for name in trial.values} == trial.values
        assert summary["final/validation_accuracy"] == trial.objective
        assert summary["stopped"] == "finished"
        assert not any(name.startswith("final/test") for name in summary)
    assert sorted(seen.values()) == sorted(trial.run for trial in sweep.trials())
    limit = time.monotonic() + 60
    while processes_in(home) and time.monotonic() < limit:
        time.sleep(0.1)
    assert processes_in(home) == []
