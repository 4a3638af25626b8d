"""When trainings began and ended, by the logs of their runs, and how closely they follow one another."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from handgrad.files import read_file
from handgrad.runs import Run

TIME = "%Y-%m-%d %H:%M:%S,%f"
LINE = re.compile(r"(\S+ \S+) INFO (?:(step \d+ is made)|.* at step \d+, [\d.]+ s of training)")


class Span(NamedTuple):
    """A training from the end of its first step until it was over, both in seconds since 1970."""

    stepped: float
    over: float


def spans(runs: Iterable[Run]) -> list[Span]:
    """Every training of the runs that came to its end in good order, a resumed one once for each time."""
    found = []
    for run in runs:
        stepped = None
        for line in read_file(run.log_file).decode(errors="replace").splitlines():
            match = LINE.fullmatch(line)
            if match is None:
                continue
            time = datetime.strptime(match[1], TIME).timestamp()
            if match[2]:
                stepped = time
            elif stepped is not None:
                found.append(Span(stepped, time))
                stepped = None
    return found


def waits(found: Sequence[Span], slots: int) -> list[float]:
    """Seconds between two trainings where `slots` go on at once: the last of one, the first step of its successor.

    The n-th training to begin follows the (n - slots)-th to end, whichever process has it: a place was free since then.
    """
    begun, over = sorted(each.stepped for each in found), sorted(each.over for each in found)
    return [first - last for first, last in zip(begun[slots:], over, strict=False)]


def lengths(found: Sequence[Span], slots: int) -> list[float]:
    """Seconds for which each training had its place: its wait for the first step, by `waits`, and what follows that.

    The first ones, which have no predecessor, are taken to have waited as long as the others on average.
    """
    known = waits(found, slots)
    waited = [sum(known) / max(len(known), 1)] * slots + known
    order = sorted(range(len(found)), key=lambda i: found[i].stepped)
    place = {i: rank for rank, i in enumerate(order)}
    return [each.over - each.stepped + waited[place[i]] for i, each in enumerate(found)]
