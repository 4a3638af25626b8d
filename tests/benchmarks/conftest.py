"""A small data set on disk, and results as a benchmark leaves them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

SUMMARY = {
    "us_per_step": 50.0,
    "epoch_seconds": 0.169,
    "ratio": 1.0,
    "first_epoch_seconds": 0.4,
    "peak_bytes": 250e6,
    "accuracy": 0.85,
    "accuracy_range": 0.002,
    "equal_accuracy": True,
    "share_of_limit": 0.61,
}


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """The contender flushes denormals for its whole process, which other tests in this one must not see."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture
def tiny(tmp_path) -> Path:
    """320 training and 40 test images of 28x28 pixels: a bright square at one of ten places."""
    generator = np.random.default_rng(0)
    labels = np.arange(360) % 10
    images = generator.integers(0, 60, (360, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 4 + 14 * (label // 5), 1 + 5 * (label % 5)
        image[row : row + 5, column : column + 5] = 250
    path = tmp_path / "tiny.npz"
    np.savez(path, x_train=images[:320], y_train=labels[:320], x_test=images[320:], y_test=labels[320:])
    return path


@pytest.fixture
def results() -> dict:
    """A whole document, JAX being three times as slow and less accurate, Keras being absent."""
    rounds = {"epoch_seconds": [0.4, 0.169], "steps": 3375, "image_shape": [28, 28], "peak_bytes": 1, "accuracy": 0.85}
    slower = SUMMARY | {"us_per_step": 150.0, "ratio": 3.0, "accuracy": 0.84, "equal_accuracy": False}
    document = {
        "format": 1,
        "date": "2030-01-02",
        "machine": {"processor": "Some CPU @ 3 GHz", "cores": 2, "vector_instructions": ["avx2"], "system": "Linux"},
        "versions": {"python": "3.11.7", "handgrad": "0.1.0"},
        "options": {
            "workloads": ["B"],
            "contenders": ["handgrad", "jax", "keras"],
            "threads": "1",
            "rounds": 1,
            "epochs": 2,
            "images": 54000,
            "dataset": "",
        },
        "limits": {"sgemm_flops": {"numpy 1024": 1.7e11}, "stream_bytes": {"444000": 5e10}},
        "workloads": {
            "B": {
                "title": "784-32x3-10 ReLU, batch 16, Adam",
                "limit": {"us": 30.0},
                "contenders": {
                    "handgrad": {"rounds": [rounds]},
                    "jax": {"rounds": [rounds]},
                    "keras": {"skipped": "not installed: python -m pip install keras"},
                },
                "summary": {"handgrad": SUMMARY, "jax": slower},
            }
        },
        "extras": {"between_steps": {"python_us": 2.345}, "two_at_once": {"skipped": "needs two cores"}},
        "goal": {
            "target": 0.99,
            "threads": "all",
            "training": {"dataset": "mnist"},
            "contenders": {"handgrad": {"rounds": [], "seconds": 12.34}, "torch": {"rounds": [], "seconds": None}},
        },
    }
    return json.loads(json.dumps(document))
