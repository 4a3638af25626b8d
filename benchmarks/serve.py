"""What `handgrad serve` costs: `python -m benchmarks.serve`, in some fifteen minutes, with Playwright and Chromium.

First paint and memory with many runs of 10,000 epochs each; how long after the trainer's writing a page shows it; and
by how much a page that watches it slows a training down.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from math import expm1, log, sqrt
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from scipy import stats
from tests.serve.asking import made_up_run
from tests.serve.browsing import browsing, serving

EPOCHS, UPDATES = 10_000, 8
SETTLING, PERIOD = 2, 12  # seconds
SETTINGS = ["--dataset", "mnist", "--epochs", "100000", "--no_report"]


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="*", default=[100, 2000], help="runs in a folder")
    parser.add_argument("--pairs", type=int, default=20, help="periods with and without a page")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of the training")
    arguments = parser.parse_args()
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.runs:
            many_runs(Path(folder, str(count)), count)
        for threads in arguments.threads:
            slowdown(Path(folder, f"training{threads}"), arguments.pairs, threads)


def many_runs(home: Path, count: int) -> None:
    """First paint, the whole page, updates and memory with `count` runs, whose histories are one file."""
    one = made_up_run(home / "run0", 0.9, EPOCHS)
    for number in range(1, count):
        folder = home / f"run{number}"
        folder.mkdir()
        for file in one.iterdir():
            os.link(file, folder / file.name)
        facts = json.loads((one / "run.json").read_text())
        facts.pop("digest", None)
        facts["config"]["seed"] = number
        (folder / "run.json").unlink()
        (folder / "run.json").write_text(json.dumps(facts))
    with browsing(home) as open_page:
        begun = time.perf_counter()
        page = open_page(1280)
        page.wait_for_selector("#table tbody tr a")
        listed = time.perf_counter() - begun
        page.wait_for_selector(".plot canvas")
        drawn = time.perf_counter() - begun
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        print(f"{count} runs: first paint {paint:.2f} s, table {listed:.2f} s, curves {drawn:.2f} s")
        delays = [_delay(page, home, number) for number in range(UPDATES)]
        print(f"{count} runs: an epoch is shown {_spread(delays)} s after it was written")
    with serving(home) as (_, process):
        time.sleep(8)  # by then everything is read
        print(f"{count} runs: the server takes {_megabytes(process):.0f} MB")


def _delay(page: Any, home: Path, number: int) -> float:
    if number == 0:
        made_up_run(home / "growing", None)
        page.wait_for_selector(".plot[aria-label*='growing']")
    epoch = {"epoch": 4 + number, "step": 10 * (4 + number), "train_loss": 0.5 + number / 100, "seconds": 0.5}
    begun = time.perf_counter()
    with (home / "growing" / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": epoch}) + "\n")
    page.wait_for_selector(f".plot[aria-label*='to {epoch['train_loss']:g}']")
    return time.perf_counter() - begun


def _megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def slowdown(home: Path, pairs: int, threads: int) -> None:
    """Steps a second of one long training, in turn without a server and with a page that watches it."""
    home.mkdir()
    words = ["train", *SETTINGS, "--threads", str(threads), "--runs_dir", str(home), "--name", "run"]
    with subprocess.Popen(
        [sys.executable, "-m", "handgrad", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as training:
        try:
            history = home / "run" / "history.jsonl"
            while not history.exists() or history.stat().st_size < 100_000:
                assert training.poll() is None, "the training failed"
                time.sleep(0.1)
            ratios = []
            for number in range(pairs):
                rates = {}
                for watched in (True, False) if number % 2 else (False, True):
                    with browsing(home) if watched else nullcontext() as open_page:
                        if open_page:
                            open_page(1280).wait_for_selector("#live:has-text('live')")
                        time.sleep(SETTLING)  # whatever was started or ended before has come to rest
                        rates[watched] = _steps_a_second(history)
                ratios.append(log(rates[False] / rates[True]))
        finally:
            training.kill()
    half = stats.t.ppf(0.975, pairs - 1) * stdev(ratios) / sqrt(pairs)
    middle, low, high = (100 * expm1(mean(ratios) + side) for side in (0, -half, half))
    print(
        f"{threads} thread{'s' * (threads > 1)}: a step that a page watches takes {middle:+.1f} % more time"
        f" (95 % interval {low:+.1f} to {high:+.1f} %, {pairs} pairs of {PERIOD} s)"
    )


def _steps_a_second(history: Path) -> float:
    begun, first = _next_steps(history)
    time.sleep(PERIOD)
    ended, last = _next_steps(history)
    return (last - first) / (ended - begun)


def _next_steps(history: Path) -> tuple[float, int]:
    """When the trainer next writes losses, and the step that they begin with."""
    with history.open("rb") as file:
        file.seek(0, os.SEEK_END)
        while True:
            line = file.readline()
            if line.startswith(b'{"first"'):
                return time.perf_counter(), int(line[len(b'{"first": ') :].split(b",", 1)[0])
            if not line:
                time.sleep(0.002)


def _spread(values: Any) -> str:
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
