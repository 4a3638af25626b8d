"""wandb.Api, of which a program asks for the results of its own sweeps."""

import json
from pathlib import Path

import wandb


class Api:
    """Of all that W&B's has, the sweeps that this program has run."""

    def __init__(self, *_, **more):
        pass

    def sweep(self, path, *_, **more):
        return FoundSweep(path, [FoundRun(Path(folder)) for folder in wandb._requested(runs=str(path))["runs"]])

    def __getattr__(self, name):
        raise wandb.UsageError(f"wandb.Api().{name} is at W&B, and handgrad runs this program without it")


class FoundSweep:
    """A sweep that is over; `runs` are those with a result, the best first."""

    def __init__(self, path, runs):
        self.id, self.runs = path.rpartition("/")[2], runs

    def best_run(self, order=None):
        """By the sweep's metric, or by another one, such as "-summary_metrics.accuracy" for the most."""
        name = (order or "").lstrip("+-").replace("summary_metrics.", "")
        known = [run for run in self.runs if not name or name in run.summary]
        by_name = sorted(known, key=lambda run: run.summary[name], reverse=order.startswith("-")) if name else known
        return next(iter(by_name), None)


class FoundRun:
    """A trial that is over."""

    state = "finished"

    def __init__(self, folder):
        self.id, self.path = folder.name, str(folder)
        self.config, self.summary, about = (
            json.loads((folder / name).read_text(encoding="utf-8")) if (folder / name).is_file() else {}
            for name in ("config.json", "summary.json", "run.json")
        )
        self.name = about.get("name", self.id)
