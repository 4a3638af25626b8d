"""What a run sends to W&B (offline), MLflow and trackio, read back from the files that they wrote."""

import json
import sqlite3
from pathlib import Path

import pytest
from tests.commands import TINY, process
from tests.sweeps.test_tracked_sweep import records

from handgrad.plugins import is_installed
from handgrad.runs import open_run

pytestmark = pytest.mark.slow
INSTALLED = [name for name in ("wandb", "mlflow", "trackio") if is_installed(name)]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """The folder of a run that all installed trackers have followed."""
    if not INSTALLED:
        pytest.skip("none of wandb, mlflow and trackio is installed: make wandb")
    here = tmp_path_factory.mktemp("tracked")
    cache = str(Path("~/.cache").expanduser())  # of compiled kernels
    variables = {"HOME": str(here / "home"), "XDG_CACHE_HOME": cache, "HF_HOME": str(here / "hf")}
    variables |= dict.fromkeys(("WANDB_API_KEY", "WANDB_MODE", "MLFLOW_TRACKING_URI"))
    words = f"{TINY} --name mine --wandb_mode offline -wp course --track {' '.join(INSTALLED)}"
    answer = process(words, cwd=here, **variables)
    assert answer.code == 0, answer.err
    assert "switched off" not in answer.err
    return here


def needs(name):
    return pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is not installed")


@needs("wandb")
def test_wandb(tracked):
    """Aliases, axis of epochs, statistics of layers, confusion matrix in per cent, tables with images, the model."""
    run = open_run(tracked / "runs" / "mine")
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    rows, metrics, artifacts, config = [], {}, [], ""
    for record in records(file):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            items = record.history.item
            rows.append({item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items})
        elif kind == "metric":
            metrics[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "artifact":
            artifacts.append((record.artifact.type, [entry.path for entry in record.artifact.manifest.contents]))
        else:
            config += str(record.config) + str(record.run)
    epochs = [row for row in rows if "train_loss" in row]
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert [row["val_accuracy"] for row in epochs] == [each["validation_accuracy"] for each in run.metrics["epochs"]]
    assert all(row["val_loss"] == row["validation_loss"] for row in epochs)
    assert any(name.startswith("layers/") and name.endswith("/deviation") for name in epochs[0])
    assert {metrics[name] for name in ("train_*", "validation_*", "val_*", "layers/*")} == {"epoch"}
    assert "% of each true class" in config
    assert ("model", ["model.safetensors"]) in artifacts
    files = file.parent.glob("files/media/table/**/*.json")
    tables = {path.name.partition("_")[0]: json.loads(path.read_text()) for path in files}
    confusion = tables["confusion"]
    shares = {}
    for true, _, share in confusion["data"]:
        shares[true] = shares.get(true, 0) + share
    assert len(shares) == 10
    assert list(shares.values()) == pytest.approx([100] * 10)
    assert tables["classes"]["columns"] == ["class", "precision", "recall", "f1", "images"]
    wrong = tables["mistakes"]["data"]
    assert all(row[2] != row[3] for row in wrong)
    assert [row[4] for row in wrong] == sorted((row[4] for row in wrong), reverse=True)
    pictures = [path for type_, paths in artifacts if type_ == "run_table" for path in paths if path.endswith(".png")]
    assert len(pictures) >= len(wrong)


@needs("mlflow")
def test_mlflow(tracked):
    run = open_run(tracked / "runs" / "mine")
    with sqlite3.connect(tracked / "mlflow.db") as database:
        rows = database.execute("select value from metrics where key = 'validation_accuracy' order by step").fetchall()
        final = database.execute("select value from metrics where key = 'final/test_accuracy'").fetchall()
        settings = dict(database.execute("select key, value from params"))
        assert database.execute("select status, name from runs").fetchall() == [("FINISHED", "mine")]
    database.close()
    assert [value for (value,) in rows] == [each["validation_accuracy"] for each in run.metrics["epochs"]]
    assert final == [(run.metrics["test"]["accuracy"],)]
    assert settings["optimizer"] == "adam"
    names = {path.name for path in tracked.glob("mlruns/*/*/artifacts/*")}
    assert names == {"classes.csv", "sample.csv", "mistakes.csv", "confusion_matrix.csv", "model.safetensors"}


@needs("trackio")
def test_trackio(tracked):
    run = open_run(tracked / "runs" / "mine")
    with sqlite3.connect(tracked / "hf" / "trackio" / "course.db") as database:
        rows = [json.loads(row) for (row,) in database.execute("select metrics from metrics order by id")]
    database.close()
    epochs = [row["validation_accuracy"] for row in rows if "train_loss" in row]
    assert epochs == [each["validation_accuracy"] for each in run.metrics["epochs"]]
    assert rows[-1]["final/test_accuracy"] == run.metrics["test"]["accuracy"]
    assert {"classes", "sample", "mistakes", "confusion_matrix"} <= set(rows[-1])
