"""The server as a process: where it listens, and that one which was killed shows the same when it is started again."""

import http.client
import json
import os
import shutil
import signal
import subprocess
from urllib.parse import urlsplit

import pytest
from tests.processes import LIMIT
from tests.serve.asking import made_up_run
from tests.serve.browsing import serving


def table(address):
    """The first message of the stream, which is the table of runs, as a page gets it."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=LIMIT)
    connection.request("GET", f"/?{parts.query}")
    reply = connection.getresponse()
    cookie = reply.getheader("set-cookie").partition(";")[0]
    reply.read()
    connection.request("GET", "/api/events?curves=", headers={"cookie": cookie})
    stream = connection.getresponse()
    assert stream.readline() == b"event: runs\n"
    found = json.loads(stream.readline().removeprefix(b"data: "))
    connection.close()
    return found["rows"]


def test_a_server_that_was_killed_shows_the_same_when_it_starts_again(tmp_path):
    for seed in range(3):
        made_up_run(tmp_path / f"run{seed}", 0.9 - seed / 10, seed=seed)
    (made_up_run(tmp_path / "torn") / "metrics.json").write_text('{"test": {')
    with serving(tmp_path) as (address, process):
        before = table(address)
        os.kill(process, signal.SIGKILL)
    with serving(tmp_path) as (address, _):
        after = table(address)
    assert len(before) == 4
    assert before == after


@pytest.mark.skipif(shutil.which("ss") is None, reason="there is no ss here, which lists sockets")
def test_it_listens_on_the_loopback_address_alone(tmp_path):
    with serving(tmp_path) as (address, process):
        listed = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
        own = [line.split()[3] for line in listed if f"pid={process}," in line]
        assert own == [urlsplit(address).netloc]
        assert own[0].startswith("127.0.0.1:")
