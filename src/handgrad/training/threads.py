"""How many threads train a network, and their work: the results are the same bits for any number of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from handgrad import kernels
from handgrad.kernels.program import Optimization, Program
from handgrad.machine import available_cores
from handgrad.nn import Network
from handgrad.nn.layout import worthwhile_threads

LIMIT_VARIABLE = "OMP_NUM_THREADS"  # as other numerical libraries read it; workers of a sweep have it at 1


def thread_count(wanted: int, network: Network, rows: int) -> int:
    """`wanted`, or where that is 0 as many as pay for batches of so many images, within what this process may use."""
    if wanted:
        return wanted
    limit = os.environ.get(LIMIT_VARIABLE, "").partition(",")[0]
    most = min(len(available_cores()), int(limit)) if limit.isdecimal() else len(available_cores())
    return max(1, min(worthwhile_threads(network, rows), most))


@contextmanager
def assisted(program: Program, optimization: Optimization) -> Iterator[None]:
    """Have the rest of the program's team at work while this thread makes its compiled calls.

    They begin anew with each call of some 0.1 s, which costs less than 0.1 ms a thread, and leave nothing behind.
    """
    team = program.team
    if team.threads == 1:
        yield
        return
    team.words[kernels.team.STOP] = 1
    kernels.driver.assist(program, optimization)  # compiles it here, and returns
    team.words[kernels.team.STOP] = 0
    others, arguments = range(team.threads - 1), (program, optimization)
    threads = [Thread(target=kernels.driver.assist, args=arguments, daemon=True) for _ in others]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        team.words[kernels.team.STOP] = 1
        for thread in threads:
            if thread.is_alive():  # not those that could not be started
                thread.join()
