"""What `handgrad serve` costs: `python -m benchmarks.serve`, in two to four minutes, with Playwright and Chromium.

First paint and memory with many runs of 10,000 epochs each; how long after the trainer's writing a page shows it; and
what a training takes with a page that watches it, beside one without, in pairs one after the other.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.serve.asking import made_up_run
from tests.serve.browsing import browsing, serving

EPOCHS, UPDATES = 10_000, 8
SETTINGS = ["--dataset", "mnist", "--epochs", "2", "--no_report"]


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 2000], help="runs in a folder")
    parser.add_argument("--pairs", type=int, default=5, help="trainings with and without a page")
    arguments = parser.parse_args()
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.runs:
            many_runs(Path(folder, str(count)), count)
        slowdown(Path(folder, "pairs"), arguments.pairs)


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


def slowdown(home: Path, pairs: int) -> None:
    """Wall-clock and processor time of a training that is watched, by those of one that is not."""
    home.mkdir()
    _train(home)  # kernels are compiled
    found = []
    for number in range(pairs):
        took: dict[bool, tuple[float, float]] = {}
        for watched in (True, False) if number % 2 else (False, True):
            shutil.rmtree(home / "run", ignore_errors=True)
            if watched:
                with browsing(home) as open_page:
                    page = open_page(1280)
                    page.wait_for_selector("#live:has-text('live')")
                    took[watched] = _train(home)
            else:
                took[watched] = _train(home)
        found.append([with_page / without for with_page, without in zip(took[True], took[False], strict=True)])
    for what, ratios in zip(("seconds of its training loop", "processor time"), zip(*found, strict=True), strict=True):
        print(f"a training that a page watches takes {_spread(ratios)} times the {what} ({pairs} pairs)")


def _train(home: Path) -> tuple[float, float]:
    """Seconds of the loop by the run's own clock, and of the processor in the whole process."""
    words = [sys.executable, "-m", "handgrad", "train", *SETTINGS, "--runs_dir", str(home), "--name", "run"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = code
    assert code == 0, "the training failed"
    metrics = json.loads((home / "run" / "metrics.json").read_text())
    return metrics["seconds"], used.ru_utime + used.ru_stime


def _spread(values: Any) -> str:
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
