"""What a decaying learning rate amounts to."""

import pytest

from handgrad.claims import read_document, report_file
from handgrad.claims.evidence import evidence_of
from handgrad.claims.judge import course, nearest_constant, step_budget

STEPS = {"schedule": "step", "schedule_steps": 2, "schedule_factor": 0.5, "learning_rate": 0.8, "iterations": 6}


def test_course_by_hand():
    # 0.8 halved every two of six steps, and the rate that a seventh would have
    assert course(STEPS).tolist() == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1])


@pytest.mark.parametrize("missing", ["schedule", "learning_rate", "iterations"])
def test_no_course_without_what_decides_it(missing):
    assert course({name: value for name, value in STEPS.items() if name != missing}) is None


def test_the_report_on_momentum():
    document = read_document(report_file("ee6132-momentum"))
    experiments = {name: evidence_of(document, name) for name in document.experiments}
    rates = course(experiments["sigmoid_decayed"].settings)
    # 0.01 0.85^32; the mean of 32 levels is 0.01 (1 - 0.85^32) / (32 0.15) = 0.01 0.99449 / 4.8
    assert rates[-1] == pytest.approx(5.513e-5, rel=1e-3)
    assert rates[:-1].mean() == pytest.approx(2.0718e-3, rel=1e-3)
    assert nearest_constant(experiments["sigmoid_decayed"].settings, 2.07e-3, experiments) == "sigmoid_1e-3"
    assert [name for name in experiments if step_budget(name, experiments)] == ["sigmoid_decayed"]
