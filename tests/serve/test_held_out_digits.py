"""Fifty held-out digits, drawn with the mouse on the pad: turned, moved and scaled, they are still read."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.processes import cpu_seconds
from tests.serve.browsing import browsing, draw, in_browser, show

from handgrad.cli.main import main
from handgrad.data import DATASETS
from handgrad.runs import open_run

pytestmark = [
    *in_browser,
    pytest.mark.skipif(DATASETS["mnist"].status().place is None, reason="the real MNIST is not here"),
]
DIGITS = json.loads(Path(__file__).with_name("strokes.json").read_text())
LEAST_NETWORK, LEAST_RIGHT = 0.975, 0.95
SLOWEST = 0.2  # seconds of CPU for an answer


def moved(strokes, degrees, scale, shift):
    """Turned and scaled about the middle of the pad, then moved."""
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return [((np.array(stroke) - 0.5) @ matrix + 0.5 + shift).tolist() for stroke in strokes]


def test_fifty_digits_are_read_after_turns_shifts_and_scales(tmp_path):
    words = ["--dataset", "mnist", "--epochs", "8", "--no_report", "--runs_dir", str(tmp_path), "--name", "net"]
    assert main(["train", *words]) == 0
    assert open_run(tmp_path / "net").metrics["test"]["accuracy"] >= LEAST_NETWORK
    generator, wrong, answers = np.random.default_rng(0), [], []
    with browsing(tmp_path) as open_page:
        page = open_page(1280)
        page.wait_for_selector("#table tbody a")
        show(page, "draw")
        page.wait_for_selector("#networks input:checked")
        draw(page, [[(0.5, 0.2), (0.5, 0.8)]])
        page.wait_for_selector("#results .bars", timeout=120_000)  # the network and its training images are read once
        page.wait_for_selector("#results[aria-busy=false]")
        page.on("requestfinished", lambda request: answers.append(request.url))
        before = cpu_seconds(page.server)
        for degrees in (-10, 10):
            for digit in DIGITS:
                page.click("#clear")
                scale, shift = generator.uniform(0.6, 1.1), generator.uniform(-0.12, 0.12, 2)
                draw(page, moved(digit["strokes"], degrees, scale, shift))
                page.wait_for_selector("#results[aria-busy=false]")
                taken_for = page.inner_text("#results h2").partition(",")[0]
                if taken_for != str(digit["digit"]):
                    wrong.append((degrees, digit["image"], digit["digit"], taken_for))
        assert page.complaints == []
        seconds = (cpu_seconds(page.server) - before) / len(answers)
    right = 1 - len(wrong) / len(DIGITS) / 2
    print(f"{100 * right:.0f} % right, {seconds:.3f} s of CPU each: {wrong}")
    assert right >= LEAST_RIGHT, wrong
    assert seconds < SLOWEST
