"""What sweeps on a cluster are made of, as far as that needs no cluster."""

import json
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import yaml
from tests.commands import call
from tests.sweeps.conftest import BASE

from handgrad import __version__
from handgrad.cli.flags import parse
from handgrad.cli.options import SWEEP
from handgrad.config import RunConfig, build_dataset
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.plugins import how_to_install
from handgrad.runs import Run, resume
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, EpochEnded
from handgrad.runs.executor.ray_cluster import check_cluster, explained, host_and_port, require_ray
from handgrad.runs.executor.ray_worker import (
    MessageQueue,
    Worker,
    difference,
    facts,
    packed,
    refusal,
    sources,
    unpack,
)
from handgrad.runs.executor.threads import WaitingReporter
from handgrad.runs.executor.worker import folder_of
from handgrad.sweeps import Hyperband, Metric, SweepDefinition
from handgrad.sweeps.programs import run_program
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.programs.trial_folder import read_outcome
from handgrad.sweeps.programs.trial_folder import task_of as program_trial
from handgrad.sweeps.run_trial import EARLY, FUNCTION, run_trial, task_of
from handgrad.sweeps.space import Constant
from handgrad.sweeps.store import Trial

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Workers of these tests have their scratch folders where pytest tidies up."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()


@pytest.mark.parametrize(
    ("address", "expected"),
    {
        "10.0.0.1:6379": ("10.0.0.1", 6379),
        "ray://head:10001": ("head", 10001),
        "[::1]:6379": ("::1", 6379),
    }.items(),
)
def test_addresses(address, expected):
    assert host_and_port(address) == expected


@pytest.mark.parametrize(
    "address", ["", "head", "10.0.0.1", "head:port", "head:70000", "http://head:1", "ray://", "me@head:1", "head:1/x"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="must be auto, local"):
        host_and_port(address)


def test_nobody_at_home_is_told_at_once(monkeypatch):
    monkeypatch.setattr("handgrad.runs.executor.ray_cluster.require_ray", lambda: None)
    with pytest.raises(FileSystemError, match=r"no Ray cluster at 127.0.0.1:1: Connection refused \(--ray\)"):
        check_cluster("127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:1")
    with pytest.raises(FileSystemError, match=r"no Ray cluster at 127.0.0.1:1: "):
        check_cluster("auto")


def test_without_ray_the_extra_is_named_and_no_sweep_is_begun(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    (here / "sweep.yaml").write_text("method: grid\nparameters:\n  lr: {values: [0.1, 0.01]}\n")
    answer = call(capsys, "sweep sweep.yaml --dataset digits --ray local")
    assert answer.code == 2
    assert answer.err == f"handgrad: error: --ray needs Ray: {how_to_install('ray')}\n"
    assert not (here / "sweeps").exists()
    with pytest.raises(UsageError, match="--ray needs Ray"):
        require_ray()


EXPLAINED = {
    "Version mismatch: The cluster was started with:\n    Ray: 2.59.0\n    Python: 3.11.7\n"
    "This process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n": (
        2,
        "the Ray cluster (h:1) has Ray 2.59.0 on Python 3.11.7, this machine has Ray 2.60.0 on Python 3.12.1",
    ),
    "RPC error: InvalidAuthToken: Authentication token is missing\nFailed to connect": (
        4,
        "wants a token",
    ),
    "Token authentication is enabled but no authentication token was found": (4, "wants a token"),
    "Could not find any running Ray instance.": (4, "cannot use the Ray cluster (h:1): Could not find any running Ray"),
    "": (4, "it does not say why"),
}


@pytest.mark.parametrize("text", EXPLAINED)
def test_what_ray_complains_of_becomes_a_line(text):
    error = explained("h:1", text)
    code, expected = EXPLAINED[text]
    assert isinstance(error, HandgradError)
    assert error.exit_code == code
    assert expected in str(error)
    assert "\n" not in str(error)


def test_nodes_are_compared_by_version_sources_and_processor(tmp_path):
    ours = json.loads(json.dumps(facts()))  # as it comes over the network
    assert refusal(facts(), ours) == difference(facts(), ours) == ""
    older = {**ours, "environment": {**ours["environment"], "handgrad": "0.0.9"}}
    assert refusal(facts(), older) == f"it has handgrad 0.0.9, this machine has {__version__}"
    edited = {**ours, "sources": "0"}
    assert "differs from this machine's in its source files" in refusal(facts(), edited)
    other = {**ours, "environment": {**ours["environment"], "processor": "z80"}}
    assert refusal(facts(), other) == ""
    assert difference(facts(), other) == f"processor z80 for {ours['environment']['processor']}"
    (tmp_path / "a.py").write_text("x = 1\n")
    before = sources(tmp_path)
    sources.cache_clear()
    (tmp_path / "a.py").write_text("x = 2\n")
    assert sources(tmp_path) != before


def test_news_stay_until_they_are_heard():
    queue = MessageQueue()
    assert queue.listen(0, 0) == []
    for n in range(3):
        queue.post(n)
    assert queue.listen(0, 0) == [0, 1, 2]
    assert queue.listen(0, 0) == [0, 1, 2]  # the answer was lost
    queue.post(3)
    assert queue.listen(2, 0) == [2, 3]
    assert queue.listen(4, 0) == []


@pytest.mark.parametrize(("told", "expected"), {"answer": "too bad", "interrupt": INTERRUPTED}.items())
def test_whoever_asks_waits_for_the_answer(told, expected):
    queue, answers = MessageQueue(), []
    queue.decide("of the epoch before")
    event = EpochEnded(7, 3, 0.5, True)
    asking = threading.Thread(target=lambda: answers.append(queue.report(event)))
    asking.start()
    assert queue.listen(0, 10) == [{"epoch": list(event)}]
    assert not answers
    queue.decide("too bad") if told == "answer" else queue.interrupt()
    asking.join(10)
    assert answers == [expected]
    assert queue.interrupted() == (told == "interrupt")
    queue.begin()
    assert not queue.interrupted()


def config(folder, **more):
    return RunConfig(**{**BASE, "name": "run", "runs_dir": str(folder), **more})


def task(config, *rungs):
    return task_of(0, config, "validation_accuracy", rungs)


def run(worker, task, bundle=None, answer=None):
    """Have a worker run a trial as Ray would; what it tells in the end."""
    dataset, heard = build_dataset(RunConfig(**task.config)) if task.config else None, 0
    thread = threading.Thread(target=worker.run, args=(list(task), dataset, bundle or {}))
    thread.start()
    while True:
        for news in worker.listen(heard):
            heard += 1
            if "ended" in news:
                thread.join()
                return Ended(*news["ended"]), news["files"]
            if EpochEnded(*news["epoch"]).asks:
                answer(worker)


def test_a_run_on_another_machine_comes_back_as_if_it_had_been_here(tmp_path):
    here, there = config(tmp_path / "here"), config(tmp_path / "there")
    expected = run_trial(task(here), WaitingReporter([].append))
    worker = Worker(FUNCTION, str(tmp_path), str(tmp_path / ".nobody-made-this"))
    ended, files = run(worker, task(there))
    assert ended._replace(seconds=0) == expected._replace(seconds=0)
    assert not (tmp_path / "there").exists()
    unpack(files, task(there))
    one, other = Run(tmp_path / "here" / "run"), Run(tmp_path / "there" / "run")
    assert other.complete
    assert one.model_file.read_bytes() == other.model_file.read_bytes()
    assert other.config == there
    assert other.metrics["config"] == there.to_mapping()
    assert other.facts["command"] == there.command()
    assert {path.name for path in one.path.iterdir()} - {".lock"} == {path.name for path in other.path.iterdir()}
    worker.stop()


def test_an_interrupted_run_goes_on_elsewhere(tmp_path):
    begun = config(tmp_path / "runs", epochs=4)
    ended, files = run(Worker(FUNCTION, "/", "/.one"), task(begun, 2), answer=lambda worker: worker.interrupt())
    assert ended.how == INTERRUPTED
    assert any(name.startswith("checkpoints/") for name in files)
    unpack(files, task(begun))
    ended, files = run(Worker(FUNCTION, "/", "/.two"), task(begun), packed(folder_of(task(begun))))
    assert ended.how == "finished"
    unpack(files, task(begun))
    log = Run(tmp_path / "runs" / "run").log_file.read_text()
    assert [part.split()[0] for part in log.split("training from step ")[1:]] == ["0", "82"]
    whole = run_trial(task(config(tmp_path / "whole", epochs=4)), WaitingReporter([].append))
    assert ended.epochs == whole.epochs
    assert resume(tmp_path / "runs" / "run").complete


def test_a_run_that_is_stopped_early_or_makes_no_sense(tmp_path):
    worker = Worker(FUNCTION, "/", "/.three")
    ended, files = run(worker, task(config(tmp_path), 1), answer=lambda worker: worker.decide("too bad"))
    assert (ended.how, len(ended.epochs)) == (EARLY, 1)
    assert {"config.yaml", "metrics.json", "model.safetensors"} <= set(files)
    layers = ["conv2d:8,99x99,padding=valid", "dense:10"]
    other = RunConfig(dataset="digits", layers=layers, name="run", runs_dir=str(tmp_path))
    ended, files = run(Worker(FUNCTION, "/", "/.four"), task(other))
    assert (ended.how, files) == ("refused", {})
    worker.stop()


def test_a_worker_that_sees_the_folder_writes_there(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "mark").touch()
    ended, files = run(Worker(FUNCTION, str(tmp_path), str(tmp_path / "mark")), task(config("runs")))
    assert (ended.how, files) == ("finished", {})
    assert Run(tmp_path / "runs" / "run").complete


def program_task(folder, values):
    """A trial of a program that prints a word, logs these values, the third one at a rung, and sleeps after 3."""
    (folder / "own.py").write_text(
        "import time, wandb\nwandb.init()\nprint('hello')\n"
        "for value in wandb.config.numbers:\n    wandb.log({'val_acc': value})\ntime.sleep(60 * (value == 3))\n"
    )
    program = Program("own.py", ("${env}", sys.executable, "${program}"), str(folder))
    definition = SweepDefinition(
        {"numbers": Constant(values)},
        metric=Metric("val_acc", foreign=True),
        early_terminate=Hyperband(min_iter=3),
        program=program,
    )
    return program_trial(definition, Trial(0, {}, "run", 1), folder / "sweeps" / "s" / "runs" / "run", 0.0)


def test_a_program_on_another_machine_is_followed_and_its_files_come_back(tmp_path):
    worker = Worker(run_program.FUNCTION, "/", "/.five")
    there = program_task(tmp_path, [0.5, 0.75])
    ended, files = run(worker, there)
    assert (ended.how, ended.objective, ended.epochs) == ("finished", 0.75, (0.5, 0.75))
    folder = folder_of(there)
    assert not folder.exists()
    unpack(files, there)
    assert (folder / "output.txt").read_text() == "hello\n"
    assert read_outcome(folder, 0) == ended
    (tmp_path / "own.py").unlink()
    assert run(worker, there, packed(folder))[0] == ended  # what is over is not run once more
    worker.stop()


@pytest.mark.parametrize(("told", "how"), {"decide": EARLY, "interrupt": INTERRUPTED}.items())
def test_a_program_on_another_machine_ends_where_the_driver_wants_that(tmp_path, told, how):
    answer = Worker.interrupt if told == "interrupt" else lambda worker: worker.decide("too bad")
    ended, files = run(Worker(run_program.FUNCTION, "/", "/.six"), program_task(tmp_path, [1, 2, 3]), answer=answer)
    assert (ended.how, ended.epochs) == (how, (1, 2, 3))
    assert ("outcome.json" in files) == (how == EARLY)


def test_a_node_needs_the_program_as_it_is_here(tmp_path):
    program = tmp_path / "own.py"
    program.write_text("print(1)")
    ours = facts([str(program)])
    assert refusal(ours, facts([str(program)])) == refusal(facts(), ours) == ""
    program.write_text("print(2)")
    wanted = f"it does not have this machine's {program}: share its folder, or copy it there"
    assert refusal(ours, facts([str(program)])) == wanted
    program.unlink()
    assert refusal(ours, facts([str(program)])) == wanted


@pytest.mark.parametrize("name", ["../outside", "/outside", "checkpoints/../../outside"])
def test_no_file_lands_outside_of_its_run(tmp_path, name):
    with pytest.raises(CorruptDataError, match="outside of the run"):
        unpack({name: b"x"}, task(config(tmp_path / "runs")))
    assert not (tmp_path / "outside").exists()
    assert packed(tmp_path / "nowhere") == {}


def manifests():
    """What the page has for Kubernetes."""
    text = (DOCS / "ray.md").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text.split("```yaml\n")[1].split("```")[0])}


def test_the_page_s_kubernetes_example_hangs_together():
    found = manifests()
    cluster, job = found["RayCluster"], found["Job"]
    head, (workers,) = cluster["spec"]["headGroupSpec"], cluster["spec"]["workerGroupSpecs"]
    (driver,) = job["spec"]["template"]["spec"]["containers"]
    assert (cluster["apiVersion"], job["apiVersion"]) == ("ray.io/v1", "batch/v1")
    assert set(workers) == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
    assert set(head) == {"rayStartParams", "template"}
    parameters = [*head["rayStartParams"].values(), *workers["rayStartParams"].values()]
    assert all(isinstance(value, str) for value in parameters)
    containers = [*head["template"]["spec"]["containers"], *workers["template"]["spec"]["containers"], driver]
    assert len({container["image"] for container in containers}) == 1
    assert all(set(container["resources"]) == {"requests", "limits"} for container in containers)
    probed = workers["template"]["spec"]["containers"][0]["livenessProbe"]["tcpSocket"]["port"]
    assert str(probed) == workers["rayStartParams"]["node-manager-port"]
    name = cluster["metadata"]["name"]
    token = next(each["valueFrom"]["secretKeyRef"] for each in driver["env"] if each["name"] == "RAY_AUTH_TOKEN")
    assert token == {"name": name, "key": "auth_token"}
    assert f"--address={name}-head-svc:6379" in driver["args"][0]
    volumes = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in driver["volumeMounts"]} == volumes
    words = driver["args"][0].split("handgrad sweep ")[1].split()
    assert parse(words[1:], SWEEP).options["ray"] == "auto"


def test_the_page_s_commands_are_understood():
    lines = (DOCS / "ray.md").read_text().splitlines()
    commands = [line.split("#")[0].split() for line in lines if line.startswith("handgrad sweep ")]
    assert len(commands) >= 5
    for words in commands:
        start = 4 if words[2] == "resume" else 3
        assert parse(words[start:], SWEEP).options["ray"], words
