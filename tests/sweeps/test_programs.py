"""Sweeps of programs that are not handgrad's: scripts as students write them, run unchanged without W&B."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.processes import wait_for
from tests.slow import quick

from handgrad.cli.main import main
from handgrad.errors import UsageError
from handgrad.sweeps.folder import open_sweep
from handgrad.sweeps.programs import run_program
from handgrad.sweeps.programs.logged import Logged, Tail, flat
from handgrad.sweeps.programs.program import STAND_IN, Program, located
from handgrad.sweeps.programs.trial_folder import TRIAL

SCRIPTS = Path(__file__).parent / "course_scripts"
RATES, SIZES, EPOCHS = (0.5, 0.1, 0.01), (16, 32), 3
# Of the ten, what differs from `sweep_file` below: words of the command line, the metric, the parameters, the command.
STYLES = {
    "args_config": {},
    "config_attribute": {},
    "config_defaults": {},
    "with_run": {"metric": "val.acc"},
    "nested_config": {"nested": True, "command": ["${env}", "python", "${program}"]},
    "run_name": {},
    "pictures": {},
    "defined_metric": {},
    "prints_only": {"words": ["--metric_regex", "val acc: ([0-9.-]+)"]},
}
GUARD = """
import os, socket
def refused(self, address, *more):
    open(os.environ["GUARD_FILE"], "a").write(f"{address}\\n")
    raise OSError("no network")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refused
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A working folder, Python found in the path, no login, and a record of every connection that a script opens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    monkeypatch.setenv("GUARD_FILE", str(tmp_path / "connections"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "guard"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NETRC", str(tmp_path / "no-login"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield tmp_path
    assert not (tmp_path / "connections").exists()


def sweep_file(script, method="grid", metric="val_acc", nested=False, command=None, **more):
    """sweep.yaml, and the script beside it unless it is there."""
    rate = {"learning_rate": {"values": list(RATES)}}
    parameters = {"optimizer": {"parameters": rate}} if nested else rate
    content = {
        "program": f"{script}.py",
        "method": method,
        "metric": {"name": metric, "goal": "maximize"},
        "parameters": {**parameters, "batch_size": {"values": list(SIZES)}, "epochs": {"value": EPOCHS}},
        **({"command": command} if command else {}),
        **more,
    }
    Path("sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    if (SCRIPTS / f"{script}.py").exists():
        Path(f"{script}.py").write_bytes((SCRIPTS / f"{script}.py").read_bytes())


def program_of(text, **more):
    """A sweep of a script with this text."""
    Path("own.py").write_text("import os, sys, time, json, wandb\n" + text)
    sweep_file("own", **more)


def sweep(*words, jobs=2):
    return main(["sweep", "sweep.yaml", "--name", "s", "--no_report", "--jobs", str(jobs), *words])


def trials(name="s"):
    return open_sweep(Path("sweeps") / name).trials()


def best_weight(rate, size):
    """What the scripts reach: each epoch adds the rate times the distance to 1."""
    return 1 - (1 - rate) ** EPOCHS - size / 1000


@pytest.mark.parametrize("style", quick(STYLES, ["prints_only"]))
def test_scripts_in_the_styles_of_courses_run_unchanged_and_go_on_after_a_stop(style, capsys):
    about = dict(STYLES[style])
    words = about.pop("words", [])
    sweep_file(style, **about)
    assert sweep("--trials", "2", *words) == 0
    begun = {trial.run: trial.began for trial in trials()}
    assert main(["sweep", "resume", "s", "--trials", "6", "--jobs", "2", "--no_report"]) == 0
    found = trials()
    assert len(found) == len(RATES) * len(SIZES)
    assert {trial.run: trial.began for trial in found if trial.run in begun} == begun
    factor = {"config_defaults": None}.get(style, 1)
    if factor:
        name = "optimizer.learning_rate" if style == "nested_config" else "learning_rate"
        for trial in found:
            wanted = best_weight(trial.values[name], trial.values["batch_size"])
            assert trial.objective == pytest.approx(wanted, abs=1e-4)
    assert len({trial.objective for trial in found}) == 6
    assert "the working folder" in capsys.readouterr().out


@pytest.mark.slow
def test_a_function_is_run_for_each_trial_and_not_a_second_time_after_a_stop(capfd):
    Path("agent_function.py").write_bytes((SCRIPTS / "agent_function.py").read_bytes())
    assert main(["run", "agent_function.py"]) == 0
    found = trials("agent_function")
    assert [t.objective for t in found] == [
        pytest.approx(best_weight(t.values["learning_rate"], t.values["batch_size"])) for t in found
    ]
    assert len(found) == 4
    report = Path("sweeps/agent_function/report.md").read_text()
    assert "agent_function.py" in report
    assert "handgrad sweep test" not in report
    assert main(["run", "--resume", "--no_report", "agent_function.py"]) == 0
    assert trials("agent_function") == found


def test_pictures_tables_and_artifacts_are_files_of_the_trial():
    sweep_file("pictures")
    assert sweep("--trials", "1") == 0
    folder = Path("sweeps/s/runs") / trials()[0].run
    (picture,) = folder.glob("media/*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.glob("media/*.table.json"))) == 3
    assert float((folder / "artifacts/model/weight.txt").read_text()) > 0
    matrix = next(
        row["conf_mat"]
        for line in (folder / "log.jsonl").read_text().splitlines()
        if "conf_mat" in (row := json.loads(line))
    )
    rows = json.loads((folder / matrix["path"]).read_text())["data"]
    assert ["Trouser", "Pullover", 1] in rows
    assert sum(count for *_, count in rows) == 4


WORDS = {
    "${args}": ["--lr=0.1", "--flag=True", "--off=False", "--sizes=[1, 2]", "--none=None"],
    "${args_no_hyphens}": ["lr=0.1", "flag=True", "off=False", "sizes=[1, 2]", "none=None"],
    "${args_no_boolean_flags}": ["--lr=0.1", "--flag", "--sizes=[1, 2]", "--none=None"],
    "${args_json}": ['{"lr": 0.1, "flag": true, "off": false, "sizes": [1, 2], "none": null}'],
    "${args_json_file}": ["file.json"],
    "${program}": ["train.py"],
    "${env}": ["/usr/bin/env"],
    "${interpreter}": ["python"],
    "${envvar:COURSE}": ["DA6401"],
    "--data=${envvar:COURSE}/x": ["--data=DA6401/x"],
    "${envvar:NOT_SET}": ["NOT_SET"],
    "${unknown}": [],
    "-b": ["-b"],
}


@pytest.mark.parametrize("word", WORDS)
def test_macros_are_those_of_wandb(word, monkeypatch):
    monkeypatch.setenv("COURSE", "DA6401")
    monkeypatch.delenv("NOT_SET", raising=False)
    parameters = {"lr": 0.1, "flag": True, "off": False, "sizes": [1, 2], "none": None}
    assert Program("train.py", (word,)).words(parameters, "file.json") == WORDS[word]


@pytest.mark.slow
def test_macros_agree_with_the_installed_wandb():
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")
    parameters = {"lr": 1e-05, "flag": True, "off": False, "sizes": [1, 2], "none": None, "name": "a b"}
    theirs = utils.create_sweep_command_args({"args": {name: {"value": value} for name, value in parameters.items()}})
    for macro, words in theirs.items():
        if macro != "args_dict":
            assert Program("train.py", (f"${{{macro}}}",)).words(parameters, "") == words


def test_without_a_metric_whatever_looks_like_a_validation_accuracy_counts(capsys):
    sweep_file("args_config")
    content = yaml.safe_load(Path("sweep.yaml").read_text())
    del content["metric"]
    Path("sweep.yaml").write_text(yaml.safe_dump(content))
    assert sweep("--trials", "1") == 0
    (trial,) = trials()
    wanted = best_weight(trial.values["learning_rate"], trial.values["batch_size"])
    assert trial.objective == pytest.approx(wanted)
    assert "note: there is no metric" in capsys.readouterr().out


def test_a_mistyped_metric_ends_the_sweep_and_names_what_was_logged(capsys):
    sweep_file("args_config", metric="val_accuracy")
    assert sweep(jobs=1) == 6
    assert "val_accuracy was never logged; logged were epoch, val_acc, val_loss" in capsys.readouterr().err
    assert len(trials()) == 1


@pytest.mark.slow
def test_a_crash_is_a_failed_trial_and_is_repeated_on_request():
    program_of(
        "tries = os.path.join(os.environ['HANDGRAD_TRIAL'], 'tries')\n"
        "open(tries, 'a').write('x')\n"
        "wandb.init()\n"
        "if wandb.config.learning_rate == 0.5 and len(open(tries).read()) < 3: raise ValueError('exploded')\n"
        "wandb.log({'val_acc': wandb.config.learning_rate + wandb.config.batch_size})\n"
    )
    assert sweep("--retries", "1") == 0
    assert {trial.why for trial in trials() if trial.state == "failed"} == {"ValueError: exploded"}
    assert sum(trial.rated for trial in trials()) == 4
    assert main(["sweep", "sweep.yaml", "--name", "t", "--no_report", "--retries", "2"]) == 0
    assert all(trial.rated for trial in trials("t"))


@pytest.mark.slow
def test_programs_that_always_fail_end_the_sweep(capsys):
    program_of("sys.exit('no such file: data.csv')")
    assert sweep() == 6
    assert "trials failed, with the same error: no such file: data.csv" in capsys.readouterr().err


@pytest.mark.slow
def test_a_program_that_ignores_its_arguments_is_named(capsys):
    program_of("wandb.init(); [wandb.log({'val_acc': e}) for e in range(2)]")
    assert sweep() == 0
    assert "configurations have exactly equal results: does own.py read its arguments" in capsys.readouterr().out


@pytest.mark.slow
def test_a_trial_ends_at_the_time_limit_whatever_it_does(monkeypatch):
    monkeypatch.setattr(run_program, "PATIENCE_SECONDS", 0.3)
    program_of(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN) if sys.argv[1].endswith('0.5') else None\n"
        "wandb.init(); wandb.log({'val_acc': 1}); time.sleep(600 * (wandb.config.learning_rate > 0.4))\n"
    )
    assert sweep("--time_limit", "5") == 0
    assert sorted(t.why for t in trials() if t.state == "failed") == ["took longer than 5 s (--time_limit)"] * 2


@pytest.mark.slow
def test_hyperband_stops_the_worse_ones_by_what_they_log():
    program_of(
        "wandb.init(); c = wandb.config\n"
        "for e in range(9):\n"
        "    wandb.log({'val_acc': c.learning_rate * (e + 1) / c.batch_size}); time.sleep(0.3 * (e > 1))\n",
        early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2},
    )
    assert sweep() == 0
    stopped = [trial for trial in trials() if trial.state == "stopped"]
    assert stopped
    assert all(2 <= len(trial.epochs) < 9 and trial.stop for trial in stopped)
    assert "was worse than" in stopped[0].why


def test_a_program_is_run_only_where_it_lies(capsys):
    sweep_file("args_config")
    assert main(["sweep", "sweep.yaml", "--dry_run"]) == 0
    assert "runs args_config.py in the working folder" in capsys.readouterr().out
    assert not Path("sweeps").exists()
    content, here = {"program": "not_there.py"}, Path.cwd()
    assert located(content, here, None) == (
        None,
        "not_there.py is not there: the file is read as settings of handgrad's own engine",
    )
    with pytest.raises(UsageError, match=r"there is no not_there\.py"):
        located(content, here, "program")
    Path("folder").mkdir()
    Path("folder/not_there.py").write_text("raise SystemExit(3)")
    folder, rule = located(content, Path("folder"), None)
    assert folder == str(here / "folder")
    assert rule.startswith("runs not_there.py in folder, beside the sweep file, a process a trial; --engine handgrad")
    folder, rule = located(content, Path("folder"), "handgrad")
    assert folder is None
    assert rule.startswith("--engine handgrad: not_there.py is not run")
    ours = Path(__file__).parents[2]
    assert located({"program": "train.py"}, ours, None)[0] is None
    assert main(["sweep", "sweep.yaml", "--dataset", "digits"]) == 2
    assert "--dataset is a setting of handgrad's own engine" in capsys.readouterr().err


@pytest.mark.slow
def test_bayes_learns_from_a_programs_trials_and_the_report_reads_them():
    pytest.importorskip("optuna")
    parameters = {
        "learning_rate": {"min": 0.01, "max": 0.9},
        "batch_size": {"values": [16, 32]},
        "epochs": {"value": 3},
    }
    sweep_file("args_config", method="bayes", parameters=parameters)
    assert main(["sweep", "sweep.yaml", "--name", "s", "--trials", "18"]) == 0
    report = Path("sweeps/s/report.md").read_text()
    assert "handgrad does not know its data" in report
    assert "python args_config.py --learning_rate=" in report
    assert "Importance" in report
    assert "sweep test" not in report


@pytest.mark.slow
def test_after_kill_9_no_program_is_left_and_the_rest_is_run():
    program_of("wandb.init(); time.sleep(0.4); wandb.log({'val_acc': wandb.config.learning_rate})\n")
    words = [sys.executable, "-m", "handgrad", "sweep", "sweep.yaml", "--name", "s", "--no_report", "--jobs", "2"]
    path = {**os.environ, "PYTHONPATH": f"{Path(main.__code__.co_filename).parents[2]}"}
    with subprocess.Popen(words, env=path, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip().startswith("1 "):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {trial.run for trial in trials() if trial.ended}
    assert 1 <= len(done) < 6
    here, places = str(Path.cwd()), lambda: Path("/proc").glob("[0-9]*/cwd")
    own = Path(f"/proc/{os.getpid()}/cwd")
    wait_for(lambda: not [p for p in places() if p != own and os.path.realpath(p) == here], "the end of all processes")
    Path("sweeps/s/study.db").unlink()  # the folders alone tell what is done
    assert main(["sweep", "resume", "s", "--no_report"]) == 0
    assert len(trials()) == 6
    assert all(trial.objective == trial.values["learning_rate"] for trial in trials())


def test_the_stand_in_needs_no_package(tmp_path):
    text = "import sys, wandb; assert 'numpy' not in sys.modules; r = wandb.init(); r.log({'a': wandb.Image([[0.5]])})"
    environment = {"PYTHONPATH": str(STAND_IN), "HANDGRAD_TRIAL": str(tmp_path / "trial")}
    subprocess.run([sys.executable, "-S", "-c", text], env=environment, check=True)
    assert json.loads((tmp_path / "trial" / "summary.json").read_text())["a"]["path"].endswith(".png")


def logged(folder, program=None):
    return Logged(folder, program or Program("train.py"), "val_acc")


@pytest.mark.slow
def test_what_the_installed_wandb_writes_offline_is_read(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    script = (
        "import wandb; run = wandb.init(project='p', name='mine', config={'lr': 1, 'bs': 2})\n"
        "assert run.config.lr == 0.01\n"
        "for e in range(400): run.log({'val_acc': e / 400, 'n': {'x': 1}, 'text': 'x' * 300})\n"
        "run.summary['val_acc'] = 7.5; run.finish()\n"
    )
    (tmp_path / "params.yaml").write_text("lr: {value: 0.01}\n")
    environment = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}
    environment |= {"WANDB_SWEEP_PARAM_PATH": str(tmp_path / "params.yaml"), "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-c", script], env={**os.environ, **environment}, check=True)
    found = logged(tmp_path)
    assert found.new_values() == [e / 400 for e in range(400)]
    assert found.new_values() == []
    assert found.result() == 7.5
    assert "n.x" in found.names
    assert found.name() == "mine"


def test_what_trackio_writes_is_read(tmp_path):
    pytest.importorskip("trackio")
    script = (
        "import trackio as t; t.init(project='p', embed=False); [t.log({'val_acc': e}) for e in range(3)]; t.finish()"
    )
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio"), "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    assert logged(tmp_path).new_values() == [0.0, 1.0, 2.0]


def test_a_file_of_json_lines_and_the_output_are_read(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"val_acc": 0.1}\nnot json\n{"val_acc": 0.2}\n{"val_a')
    assert logged(tmp_path, Program("t.py", metric_file="$HANDGRAD_TRIAL/m.jsonl")).new_values() == [0.1, 0.2]
    shared = logged(tmp_path / "trial", Program("t.py", folder=str(tmp_path), metric_file="m.jsonl"))
    assert shared.new_values() == []
    with open(tmp_path / "m.jsonl", "a") as file:
        file.write('\n{"val_acc": 0.3}\n')
    assert shared.new_values() == [0.3]
    (tmp_path / "output.txt").write_text("val acc: 0.5\nval acc: nothing\nval acc: 62%\n")
    assert logged(tmp_path, Program("t.py", metric_regex=r"val acc: (\S+)")).new_values() == [0.5, 62.0]


@pytest.mark.slow
def test_trials_that_share_a_file_of_metrics_run_one_at_a_time(capsys):
    Path("own.py").write_text(
        "import json, sys, time\nrate = float(sys.argv[1].split('=')[1])\n"
        "for e in range(3):\n    open('m.jsonl', 'a').write(json.dumps({'val_acc': rate}) + '\\n'); time.sleep(0.05)\n"
    )
    sweep_file("own")
    assert sweep("--metric_file", "m.jsonl") == 0
    assert all([*trial.epochs.values()] == [trial.values["learning_rate"]] * 3 for trial in trials())
    assert "trials share the file m.jsonl, so they run one at a time" in capsys.readouterr().err


@pytest.mark.slow
def test_agent_without_a_function_runs_the_sweeps_program():
    Path("start.py").write_text(
        "import wandb\nparameters = {'learning_rate': {'values': [0.1, 0.5]}, 'batch_size': {'value': 16}, 'epochs': "
        "{'value': 2}}\nmetric = {'name': 'val_acc', 'goal': 'maximize'}\n"
        "sweep = {'program': 'args_config.py', 'method': 'grid', 'metric': metric, 'parameters': parameters}\n"
        "wandb.agent('me/project/' + wandb.sweep(sweep), count=2)\n"
    )
    Path("args_config.py").write_bytes((SCRIPTS / "args_config.py").read_bytes())
    assert main(["run", "--no_report", "start.py"]) == 0
    assert all(trial.rated for trial in trials("start"))
    assert len(trials("start")) == 2


def test_after_its_trials_a_program_asks_for_the_best_one_and_runs_it_by_itself(capfd):
    Path("best.py").write_text(
        "import wandb\n"
        "parameters = {'rate': {'values': [0.1, 0.5, 0.2]}}\n"
        "metric = {'name': 'val_acc', 'goal': 'maximize'}\n"
        "def train(config=None):\n"
        "    with wandb.init(config=config) as run:\n"
        "        run.log({'val_acc': run.config.rate, 'cost': -run.config.rate}); return run.config.rate, run.dir\n"
        "sweep_id = wandb.sweep({'method': 'grid', 'metric': metric, 'parameters': parameters}, project='p')\n"
        "wandb.agent(sweep_id, train)\n"
        "best = wandb.Api().sweep(f'me/p/{sweep_id}').best_run()\n"
        "assert best.config == {'rate': 0.5} and best.summary['val_acc'] == 0.5, best.config\n"
        "assert wandb.Api().sweep(sweep_id).best_run(order='+summary_metrics.cost').name == best.name\n"
        "rate, folder = train({'rate': 7})\n"
        "assert rate == 7 and 'sweeps' not in folder, folder\n"
    )
    assert main(["run", "--no_report", "best.py"]) == 0, capfd.readouterr().err
    assert [trial.values["rate"] for trial in trials("best")] == [trial.objective for trial in trials("best")]


def test_names_of_submodules_are_found_whatever_they_are_called(tmp_path):
    text = (
        "import wandb\nassert len(wandb.util.generate_id()) == 8\n"
        "from wandb.sdk.lib.config_util import ConfigError\nfrom wandb.sdk.wandb_run import Run\n"
        "import wandb.sdk.interface.anything as it; assert it.Run is wandb.sdk.wandb_run.Run is Run\n"
        "import wandb.sklearn; r = wandb.init(); wandb.sklearn.plot_confusion_matrix([0, 1], [1, 1], ['a', 'b'])\n"
        "r.alert('title', text='t', level=wandb.AlertLevel.WARN); assert r.project_name() and r.start_time\n"
        "wandb.sklearn.plot_learning_curve(None); assert r.summary['confusion_matrix']['rows'] == 4\n"
    )
    environment = {"PYTHONPATH": str(STAND_IN), "HANDGRAD_TRIAL": str(tmp_path / "trial")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", text], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "wandb (handgrad): sklearn.plot_learning_curve draws nothing here\n")


def test_a_small_sweep_of_which_every_trial_failed_has_failed(capsys):
    program_of("sys.exit('no data')")
    assert sweep("--trials", "2", jobs=1) == 6
    assert "the first 2 trials failed, with the same error: no data" in capsys.readouterr().err


def test_half_a_line_waits_for_its_end(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\ntw")
    tail = Tail(path)
    assert tail.lines() == ["one"]
    path.write_text("one\ntwo\nthree")
    assert tail.lines() == ["two"]
    assert tail.lines(last=True) == ["three"]
    assert flat({"val": {"acc": 1, "by": {"class": 2}}}) == {"val.acc": 1, "val.by.class": 2}


def test_nothing_of_a_trial_is_written_outside_its_folder():
    sweep_file("run_name")
    assert sweep("--trials", "1") == 0
    assert {path.name for path in Path().iterdir()} == {"guard", "run_name.py", "sweep.yaml", "sweeps"}
    assert (Path("sweeps/s/runs") / trials()[0].run / TRIAL).exists()


@pytest.mark.parametrize("words", ["name=NAME", pytest.param("); wandb.run.name = (NAME", marks=pytest.mark.slow)])
def test_the_name_that_a_program_gives_its_run_is_shown(words, capsys):
    text = 'NAME = f\'size {json.load(open(os.environ["HANDGRAD_TRIAL"] + "/parameters.json"))["batch_size"]}\'\n'
    program_of(f"{text}wandb.init({words})\nwandb.log({{'val_acc': wandb.config.batch_size}})\n")
    assert sweep("--trials", "6") == 0
    assert "(size 32)" in capsys.readouterr().out
    assert main(["sweep", "report", "s"]) == 0
    assert "(size 32)" in capsys.readouterr().out
    report = Path("sweeps/s/report.md").read_text()
    assert report.count("| size 32") == 3
    assert report.count("| size 16") == 3
