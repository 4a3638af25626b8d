"""What a sweep has found: from its trials to the plain data of its report."""

from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.analysis.result import (
    Analysis,
    Correlation,
    Effect,
    Entry,
    Failure,
    FailureGroup,
    Importance,
    Observation,
    Range,
    Recommendation,
    Timeline,
)
