"""Writes the run that later versions must be able to read: python tests/runs/golden/make.py, before a release."""

import shutil
import tempfile
from pathlib import Path

import handgrad

HERE = Path(__file__).parent


def main() -> None:
    """A small network, in a folder named after the version; a folder that is there stays as it is."""
    target = HERE / handgrad.__version__
    if target.exists():
        raise SystemExit(f"{target} is there already: the run of a version is written once")
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "dataset": "digits",
            "hidden_size": 8,
            "batch_norm": True,
            "dropout": 0.1,
            "epochs": 5,
            "batch_size": 16,
        }
        run = handgrad.execute(
            handgrad.RunConfig(**settings, num_layers=1, learning_rate=0.02, name="golden", runs_dir=folder)
        )
        shutil.copytree(run.path, target, ignore=shutil.ignore_patterns("checkpoints", ".lock", "figures"))
    print(target, f"{sum(path.stat().st_size for path in target.rglob('*') if path.is_file()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
