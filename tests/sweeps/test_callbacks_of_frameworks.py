"""W&B's callbacks for Keras and the logger of Lightning, in a sweep of a program, with the stand-in for wandb."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from handgrad.cli.main import main

pytestmark = [pytest.mark.slow]
SCRIPTS = Path(__file__).parent / "course_scripts"


@pytest.mark.parametrize(
    ("package", "script", "metric"),
    [("keras", "keras_callbacks", "epoch/val_accuracy"), ("pytorch_lightning", "lightning_logger", "val_acc")],
)
def test_what_the_callbacks_log_is_the_trials(package, script, metric, tmp_path, monkeypatch, capsys):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    shutil.copy(SCRIPTS / f"{script}.py", tmp_path)
    content = {"program": f"{script}.py", "method": "grid", "metric": {"name": metric, "goal": "maximize"}}
    content["parameters"] = {"lr": {"values": [0.1, 0.5]}, "units": {"value": 8}}
    Path("sweep.yaml").write_text(yaml.safe_dump(content))
    assert main(["sweep", "sweep.yaml", "--name", "s", "--no_report", "--jobs", "1"]) == 0
    assert "best" in (printed := capsys.readouterr().out)
    assert "failed" not in printed
    folders = [path.parent for path in Path("sweeps/s/runs").glob("*/log.jsonl")]
    assert len(folders) == 2
    for folder in folders:
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert len([row for row in rows if metric in row]) == 2  # epochs
        assert json.loads((folder / "config.json").read_text())["units"] == 8
