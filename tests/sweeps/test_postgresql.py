"""Several drivers at once on one PostgreSQL server, started here from nothing."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from tests.commands import process
from tests.processes import LIMIT, wait_for
from tests.sweeps.conftest import driving

from handgrad.serve.sweep_index import SweepIndex
from handgrad.sweeps.database import without_password
from handgrad.sweeps.folder import changed, open_sweep

FLAGS = "--dataset digits -nhl 1 -sz 16 --no_batch_norm --dropout 0 -o adam --schedule constant"


def program(name):
    """Debian keeps PostgreSQL's own programs out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, places), None)


@pytest.fixture(scope="module")
def server():
    """The address of an empty server on the loopback interface."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: python -m pip install 'psycopg[binary]'")
    initdb, control = program("initdb"), program("pg_ctl")
    if not (initdb and control):
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="handgrad-pg-", dir="/tmp"))
    folder.chmod(0o777)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"

    def call(*words):
        subprocess.run([*as_user, *words], check=True, capture_output=True, cwd=folder, timeout=120)

    call(initdb, "-D", str(data), "-A", "trust", "-U", "sweeper", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    call(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://sweeper@127.0.0.1:{port}/postgres"
    call(control, "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def begin(server, folder, name, configurations, epochs=20):
    """A driver in a folder of its own, as if on a machine of its own."""
    folder.mkdir()
    rates = ", ".join(f"{0.0001 * n:.4f}" for n in range(1, configurations + 1))
    (folder / "sweep.yaml").write_text(f"method: grid\nparameters:\n  learning_rate: {{values: [{rates}]}}\n")
    words = f"sweep sweep.yaml {FLAGS} --epochs {epochs} --jobs 1 --name {name} --storage {server} --no_report"
    return driving(words, cwd=folder)


def check_counts(folder, server, name, count):
    """Every configuration once, and each has a whole run in the folder of exactly one driver; the trials."""
    folders = sorted(folder.iterdir())
    sweep = changed(open_sweep(folders[0] / "sweeps" / name), storage=server)
    trials = sweep.trials()
    assert [trial.state for trial in trials] == ["finished"] * count
    assert len({trial.values["learning_rate"] for trial in trials}) == count
    runs = Counter(path.parent.name for each in folders for path in each.glob(f"sweeps/{name}/runs/*/metrics.json"))
    assert runs == Counter({trial.run: 1 for trial in trials})
    return trials


@pytest.mark.slow
def test_two_drivers_from_cold_share_one_sweep(server, tmp_path):
    with (
        begin(server, tmp_path / "one", "shared", 24) as one,
        begin(server, tmp_path / "two", "shared", 24) as two,
    ):
        outputs = [driver.communicate(timeout=LIMIT) for driver in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0), outputs
    trials = check_counts(tmp_path, server, "shared", 24)
    assert len({trial.driver for trial in trials}) == 2
    done = process("sweep report shared", cwd=tmp_path / "one")
    assert (done.code, done.err) == (0, "")
    assert "24 of 24 trials are done" in done.out
    assert (tmp_path / "one" / "sweeps" / "shared" / "report.html").exists()
    assert not (tmp_path / "one" / "sweeps" / "shared" / "study.db").exists()


@pytest.mark.slow
def test_what_a_killed_driver_leaves_is_finished_by_the_other(server, tmp_path):
    with (
        begin(server, tmp_path / "one", "left", 6, epochs=300) as one,
        begin(server, tmp_path / "two", "left", 6, epochs=300) as two,
    ):
        wait_for(lambda: list(tmp_path.glob("one/sweeps/left/runs/*/history.jsonl")), "the first driver's first trial")
        one.kill()
        out, err = two.communicate(timeout=LIMIT)
        assert two.returncode == 0, out + err
    drivers = {trial.driver for trial in check_counts(tmp_path, server, "left", 6)}
    assert 1 <= len(drivers) <= 2


@pytest.mark.slow
def test_eight_drivers_from_cold_do_exactly_what_is_wanted(server, tmp_path):
    with contextlib.ExitStack() as stack:
        drivers = [stack.enter_context(begin(server, tmp_path / str(n), "eight", 200, epochs=1)) for n in range(8)]
        outputs = [driver.communicate(timeout=300) for driver in drivers]
        assert [driver.returncode for driver in drivers] == [0] * 8, outputs
    check_counts(tmp_path, server, "eight", 200)


@pytest.mark.slow
def test_the_page_shows_a_sweep_whose_trials_a_server_keeps(server, tmp_path):
    index = SweepIndex(tmp_path / "one" / "sweeps")

    def row(state):
        index.refresh()
        for entry in index.entries.values():
            trials = index.trials(entry.id)
            if trials and trials.rows and entry.row["state"] == state:
                return entry
        return None

    with begin(server, tmp_path / "one", "seen", 3, epochs=300) as driver:
        assert wait_for(lambda: row("running"), "that it is seen to run").lock is None  # several may drive it
        assert driver.wait(120) == 0
    entry = wait_for(lambda: row("finished"), "that it is seen to have ended")
    wait_for(lambda: [each["state"] for _, each in index.trials(entry.id).rows.values()] == ["finished"] * 3, "its end")


def test_a_password_is_not_written_down():
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me@host/db"
