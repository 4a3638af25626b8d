"""A run goes on with what it began with: edited settings are refused, with what differs and what to do."""

import json
import logging
import shlex
import shutil

import pytest
from tests.commands import call

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.runs import open_run
from handgrad.training.models import save_weights


def edit(run, **changes):
    run.config_file.write_text(run.config.replaced(**changes).to_yaml())


@pytest.fixture
def stopped(start_once):
    """A run that was stopped in its second epoch."""
    return start_once("stopped", stop_at=60, checkpoint_seconds=0)


EDITS = {
    "seed": 99,
    "activation": "tanh",
    "validation_fraction": 0.2,
    "learning_rate": 0.1,
    "batch_size": 16,
    "optimizer": "sgd",
    "schedule": "cosine",
    "epochs": 2,
    "dropout": 0.5,
    "weight_decay": 0.1,
    "keep": "last",
    "patience": 1,
    "weight_init": "xavier",
    "noise": 0.1,
    "normalize": "standard",
    "hidden_size": 8,
    "train_fraction": 0.5,
    "loss": "mse",
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_setting_is_refused(stopped, go_on, name):
    before, model = getattr(stopped.config, name), stopped.model_file.read_bytes()
    edit(stopped, **{name: EDITS[name]})
    with pytest.raises(UsageError, match=f"config.yaml was edited since the run began: .*{name} was ") as caught:
        go_on(stopped)
    said = str(caught.value)
    assert f"{name} was {before}, is {getattr(stopped.config, name)}" in said
    assert "\n" not in said
    assert stopped.model_file.read_bytes() == model


@pytest.mark.parametrize("lost", ["run.json", "checkpoints"])
def test_either_of_two_files_knows(stopped, go_on, lost):
    path = stopped.path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    edit(stopped, seed=99)
    with pytest.raises(UsageError, match="seed was 0, is 99"):
        go_on(stopped)


def test_the_ways_out_work_when_pasted(stopped, go_on, here, capsys):
    edit(stopped, learning_rate=0.01)
    with pytest.raises(UsageError) as caught:
        go_on(stopped)
    _, anew, further = str(caught.value).split(": handgrad ")
    assert call(capsys, f"{anew.split('; ')[0]} --no_report").code == 0
    fresh = open_run(stopped.path.parent / "stopped-2")
    assert fresh.config.learning_rate == 0.01
    assert call(capsys, f"{further} --no_report --epochs 1".replace("stopped-2", "other")).code == 0
    assert shlex.split(further)[-1] == str(stopped.model_file)
    edit(stopped, learning_rate=stopped.facts["config"]["learning_rate"])
    assert go_on(stopped).metrics["stopped"] == "finished"


def test_settings_without_influence_may_change(start, go_on, same_end, stopped):
    edit(stopped, log_every=7, evaluate_every=20, checkpoint_seconds=3, name="x", log_test=True, time_limit=100)
    resumed = go_on(stopped)
    assert resumed.model_file.read_bytes() == start(name="whole").model_file.read_bytes()


def test_more_epochs_are_the_same_training_for_longer(start, go_on, same_end, stopped):
    edit(stopped, epochs=5)
    assert same_end(go_on(stopped), start(name="whole", epochs=5))


def test_but_not_where_the_learning_rate_depends_on_them_or_the_run_is_over(start, go_on):
    for settings in ({"schedule": "one_cycle", "stop_at": 60}, {}):
        run = start(name=f"run{len(settings)}", **settings)
        edit(run, epochs=5)
        with pytest.raises(UsageError, match="epochs was 3, is 5"):
            go_on(run)


def test_an_edited_finished_run_is_told_of(start, caplog):
    run = start()
    edit(run, activation="tanh")
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        open_run(run.path)
    assert "config.yaml was edited since the run began: activation was relu, is tanh" in caplog.text


def test_a_classical_model_too(here, capsys):
    words = "train --dataset digits --model knn --runs_dir . --no_report --name near"
    assert call(capsys, words).code == 0
    run = open_run(here / "near")
    run.metrics_file.unlink()
    edit(run, seed=4)
    answer = call(capsys, "resume near")
    assert (answer.code, "seed was 0, is 4" in answer.err) == (2, True)
    assert "handgrad train --config near/config.yaml --name near-2" in answer.err


def test_other_first_weights(start, go_on, tmp_path, same_end):
    path = tmp_path / "weights.npz"
    save_weights(start(seed=7, epochs=1).load_model(), path)
    whole, run = start(name="whole", weights=path), start(name="run", weights=path, stop_at=60)
    for torn in run.checkpoints.glob("step-*"):
        torn.write_bytes(b"torn")
    run.metrics_file.unlink()
    content = path.read_bytes()
    save_weights(start(seed=8, epochs=1).load_model(), path)
    with pytest.raises(CorruptDataError, match="are not those that the run began with"):
        go_on(run)
    path.unlink()
    with pytest.raises(FileSystemError, match=r"cannot read .*weights.npz"):
        go_on(run)
    path.write_bytes(content)
    assert same_end(go_on(run), whole)


def damaged(content):
    return content[: len(content) // 2]


def altered(content):
    return content.replace(b'"data": "', b'"data": "0')


@pytest.mark.parametrize("harm", [damaged, altered, lambda content: b"7", lambda content: b""])
def test_damaged_facts_do_not_keep_a_run_from_going_on(start, stopped, go_on, same_end, caplog, harm):
    facts = stopped.facts
    stopped.facts_file.write_bytes(harm(stopped.facts_file.read_bytes()))
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        resumed = go_on(stopped)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "run.json" in warning
    assert "going on with what the newest checkpoint says" in warning
    assert same_end(resumed, start(name="whole"))
    assert resumed.facts.keys() == facts.keys()
    assert resumed.facts["config"] == facts["config"]


def test_a_checkpoint_of_a_training_with_other_settings_is_left_out(start, stopped, go_on, same_end, caplog):
    other = start(name="other", seed=3, stop_at=60)
    one, two = (max(run.checkpoints.glob("step-*")) for run in (other, stopped))
    two.write_bytes(one.read_bytes())
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        assert same_end(go_on(stopped), start(name="whole"))
    assert "is of another training: seed was 3, is 0" in caplog.text


def test_a_run_of_an_older_version_goes_on_with_one_warning(start, stopped, go_on, same_end, caplog, tmp_path):
    facts = {name: value for name, value in stopped.facts.items() if name != "config"}
    stopped.facts_file.write_text(json.dumps(facts))
    lines = [json.loads(line) for line in stopped.history_file.read_text().splitlines()]
    stopped.history_file.write_text(
        "".join(json.dumps({k: v for k, v in x.items() if k != "digest"}) + "\n" for x in lines)
    )
    for path in stopped.checkpoints.glob("step-*"):
        path.unlink()
    edit(stopped, name="stopped")
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        assert same_end(go_on(stopped), start(name="whole"))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "was begun by an older version" in warning
    assert RunConfig.from_mapping(stopped.facts["config"]) == stopped.config
