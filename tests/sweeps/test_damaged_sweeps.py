"""What of a sweep's folder cannot be read is refused, never taken for nothing; its trials are found again."""

import dataclasses
import json
import os
import shutil
import sqlite3

import pytest
from tests.commands import call
from tests.sweeps.conftest import again, drive

from handgrad.errors import CorruptDataError, HandgradError, UsageError
from handgrad.sweeps.database import TABLE, open_storage
from handgrad.sweeps.folder import create_sweep, open_sweep
from handgrad.sweeps.posthoc.test import read_chosen
from handgrad.sweeps.store import STOPPED

REMEDY = "Delete it: `handgrad sweep resume` then finds the trials again from their folders"


def truncations(path):
    """Twelve lengths of a file that are none of its own, from nothing to all but a byte."""
    size = path.stat().st_size
    return [size * n // 11 for n in range(11)] + [size - 1]


def refused(sweep):
    """What is said of the storage by whoever reads it, and by whoever would drive the sweep."""
    with pytest.raises(CorruptDataError) as read:
        sweep.trials()
    with pytest.raises(CorruptDataError) as driven, open_storage(sweep.storage_url):
        pass
    assert str(read.value) == str(driven.value)
    return str(read.value)


def test_a_truncated_study_is_refused_with_the_remedy(sweep):
    whole = sweep.study_file.read_bytes()
    for length in truncations(sweep.study_file):
        sweep.study_file.write_bytes(whole[:length])
        assert refused(sweep).endswith(REMEDY), length


def test_a_zeroed_page_is_refused(sweep):
    whole = sweep.study_file.read_bytes()
    for start in range(0, len(whole), 4096):
        sweep.study_file.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        assert refused(sweep).endswith(REMEDY), start


def test_a_changed_row_is_refused(sweep):
    database = sqlite3.connect(sweep.study_file)
    database.execute(f"UPDATE {TABLE} SET record = replace(record, '\"seed\": 0', '\"seed\": 9') WHERE number = 3")
    database.commit()
    database.close()
    with pytest.raises(CorruptDataError, match="trial 3 is not as written"):
        sweep.trials()


def test_the_study_of_an_earlier_version_is_told(sweep):
    sweep.study_file.unlink()
    database = sqlite3.connect(sweep.study_file)
    database.execute("CREATE TABLE studies (study_id INTEGER)")
    database.close()
    assert "is Optuna's study, of an earlier version of handgrad. Delete it" in refused(sweep)


def test_something_else_in_place_of_the_study_is_refused(sweep):
    for make in (os.mkfifo, os.mkdir):
        sweep.study_file.unlink()
        make(sweep.study_file)
        assert "must be a file, and is none" in refused(sweep)
        if make is os.mkfifo:
            continue
        sweep.study_file.rmdir()


@pytest.mark.slow
def test_a_deleted_study_is_made_again_from_the_folders(sweep, capsys):
    """All but the numbers of the early stops, of which the reason is left."""
    before = sweep.trials()
    assert STOPPED in {trial.state for trial in before}
    sweep.study_file.unlink()
    for found in (sweep.trials(), _driven(sweep).trials()):
        assert [_lasting(trial) for trial in found] == [_lasting(trial) for trial in before]
    answer = call(capsys, "sweep resume", sweep.path, "--no_report")
    assert (answer.code, answer.err) == (0, "")
    assert "12 trials done" in answer.out


def test_what_was_not_over_goes_on(sweep):
    """A run without results, and one that has no folder: both are run, the others are left as they are."""
    first, *others, last = sweep.trials()
    sweep.study_file.unlink()
    sweep.run(first).metrics_file.unlink()
    shutil.rmtree(sweep.run(last).path)
    executor, _ = drive(again(sweep))
    assert len(executor.tasks) == 2
    found = {trial.run: trial for trial in again(sweep).trials()}
    assert found.keys() == {first.run, *(trial.run for trial in others), last.run}
    assert all(trial.ended for trial in found.values())
    assert [found[trial.run].objective for trial in others] == [trial.objective for trial in others]


def test_a_foreign_run_is_left_out(sweep, caplog):
    trial = sweep.trials()[0]
    config = sweep.run(trial).config_file
    config.write_text(config.read_text().replace("batch_size: 32", "batch_size: 16"))
    sweep.study_file.unlink()
    assert len(sweep.trials()) == 11
    assert (
        f"{sweep.run(trial).path} is no trial of this sweep, and is left out: batch_size is 16, not 32" in caplog.text
    )


def test_what_an_earlier_study_left_is_no_part_of_the_next(sweep):
    """SQLite would read the write-ahead log of a file that was deleted into the new one of its name."""
    wal = sweep.study_file.with_name("study.db-wal")
    database = sqlite3.connect(sweep.study_file)
    database.execute(f"DELETE FROM {TABLE} WHERE number > 2")
    database.commit()
    left = wal.read_bytes()
    database.close()
    sweep.study_file.unlink()
    wal.write_bytes(left)
    assert len(_driven(sweep).trials()) == 12


FILES = ("sweep.json", "sweep.yaml", "base.yaml")
DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "without its last line": lambda path: path.write_text("".join(path.read_text().splitlines(True)[:-1])),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "another kind": lambda path: path.write_text("[1, 2]\n"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused(sweep, capsys, name, damage):
    DAMAGES[damage](sweep.path / name)
    with pytest.raises(HandgradError) as error:
        open_sweep(sweep.path)
    assert error.value.exit_code in (4, 5)
    assert str(sweep.path) in str(error.value)
    assert "\n" not in str(error.value)
    assert call(capsys, "sweep resume", sweep.path).code == error.value.exit_code


@pytest.mark.parametrize("name", FILES)
def test_an_edited_file_is_refused(sweep, name):
    path = sweep.path / name
    changes = {"sweep.json": ('"seed": 0,', '"seed": 1,'), "sweep.yaml": ("0.003", "0.004"), "base.yaml": ("32", "64")}
    old, new = changes[name]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CorruptDataError, match="differ from those that the sweep was started with"):
        open_sweep(sweep.path)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_on_the_test_images_are_refused(sweep, damage):
    assert read_chosen(sweep) == []
    path = sweep.path / "chosen.json"
    path.write_text(json.dumps({"configurations": []}, indent=2))
    DAMAGES[damage](path)
    with pytest.raises(HandgradError, match=r"chosen\.json"):
        read_chosen(sweep)


def test_the_summary_of_an_earlier_version_is_read(sweep):
    file = sweep.path / "sweep.json"
    summary = json.loads(file.read_text())
    summary["settings"] = {"brain": summary["settings"].pop("method"), **summary["settings"]}
    file.write_text(json.dumps(summary))
    assert open_sweep(sweep.path).settings == sweep.settings


def test_a_folder_that_is_no_sweep_is_told_what_to_do(sweep, tmp_path):
    (tmp_path / "half" / "runs").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"exists and is no sweep, for it has no sweep\.json: remove it, or choose"):
        create_sweep(tmp_path / "half", sweep.definition, sweep.base, sweep.settings)


def _driven(sweep):
    drive(again(sweep))
    return again(sweep)


def _lasting(trial):
    stopped = "" if trial.state != STOPPED else trial.why
    fields = dataclasses.replace(trial, began=0.0, driver="", stop=None, why=stopped, deaths=0)
    return dataclasses.asdict(fields)
