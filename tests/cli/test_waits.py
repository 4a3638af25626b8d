"""What takes long is announced, also where there is no terminal; what does not, is not."""

import threading

import pytest
from tests.commands import TINY, call
from tests.processes import wait_for
from tests.slow import quick

from handgrad import screen

WORDS = {
    f"{TINY} --runs_dir . --name new": "reading the images of digits …",
    f"{TINY.replace('--no_report', '')} --runs_dir . --name new": "report: finite differences of the loss …",
    f"{TINY} --dry_run": "timing some steps …",
    "train -d digits --model knn --dry_run": "timing a small fit …",
    "evaluate run": "evaluating run, 1 of 1 …",
    "figures run --only loss": "reading the run …",
    "gradcheck -d digits -nhl 1 -sz 4": "taking every gradient by finite differences …",
    "data verify digits": "reading digits from end to end …",
}


class Awaited(threading.Timer):
    """It has fired once it is started: on a busy machine, what it announces may be over before its thread runs."""

    def start(self):
        super().start()
        self.join()


@pytest.mark.parametrize(("words", "expected"), quick(WORDS.items(), lambda row: "report" not in row[1]))
def test_a_wait_is_announced(run, here, capsys, monkeypatch, words, expected):
    monkeypatch.setattr(screen, "WAITS", 0)
    monkeypatch.setattr(screen, "Timer", Awaited)
    answer = call(capsys, words)
    assert answer.code == 0
    assert expected in (answer.out + answer.err).splitlines()


def test_what_is_soon_over_is_not_announced(capsys):
    def timers():
        return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]

    with screen.working("adding") as update:
        update("multiplying")
        assert timers()
    wait_for(lambda: not timers(), "the end of all timers")
    assert capsys.readouterr() == ("", "")
