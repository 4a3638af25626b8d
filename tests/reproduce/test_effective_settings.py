"""`handgrad compare` and claims never disagree on whether two runs differ in the cause alone."""

import functools

import pytest
from tests.slow import quick

from handgrad.claims import REPORTS, read_document, report_file
from handgrad.claims.estimate import quantity
from handgrad.claims.evidence import evidence_of_runs
from handgrad.claims.questions import VARIANTS
from handgrad.claims.relations import CONFOUNDED, NO_EXPERIMENT, RELATIONS, Pairwise, fairness
from handgrad.config.describe import idle
from handgrad.evaluation import Interval
from handgrad.reproduce.tasks import config_of
from handgrad.runs.comparison import Pair, Setup, differing, names_of

NOTHING = Interval(0, 0, 0, 0)


def setup_for(document, name, variant):
    """What a run starts from; a sweep that tunes it has chosen its first values, or its last, as sweeps differ."""
    config = config_of(document, name)
    if variant == "retrained":
        tuned = document.tuned_by(name)
        place = list(document.sweeps).index(tuned) % 2 - 1
        chosen = {setting: values[place] for setting, values in document.sweeps[tuned].space.items()}
        config = config.replaced(**{each: value for each, value in chosen.items() if each not in idle(config)})
    return Setup(config)


def pairs_of(report, variant):
    """Every pair that a claim of the report compares, of experiments whose settings are known before a sweep."""
    document = read_document(report_file(report))
    setup = functools.cache(lambda name: setup_for(document, name, variant))
    for name, claim in document.claims.items():
        relation = RELATIONS[claim.relation]
        known = [
            each
            for each in claim.experiments
            if variant in document.variants(each)
            and not document.experiments[each].ensemble
            and not document.origin(each).found
        ]
        counted = quantity(claim.measure).type == "count"  # which no training changes, so that nothing confounds it
        if counted or not isinstance(relation, Pairwise) or len(known) < len(claim.experiments):
            continue
        evidence = {each: evidence_of_runs(document, each, {}, [setup(each)]) for each in known}
        for upper, lower in relation.pairs(claim, evidence):
            yield name, claim, relation, evidence[upper], evidence[lower]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("report", quick(REPORTS, ["ee6132-2018"]))
def test_a_claim_is_confounded_as_compare_says(report, variant):
    for name, claim, relation, a, b in pairs_of(report, variant):
        pair = Pair(None, None, differing(a.setups[0], b.setups[0]), NOTHING, "", "", None, ())
        cause = claim.cause or ([claim.over] if claim.over else [])
        verdict, lines = fairness(claim, a, b, relation.causal)
        others = {each for each in pair.differing if each not in names_of(cause)}
        if not (relation.causal or cause):
            assert verdict is None, name
        elif verdict == NO_EXPERIMENT:
            assert not names_of(cause) & pair.differing.keys(), name
        elif len(names_of(cause) & pair.differing.keys()) == 1 or not cause:
            assert (verdict == CONFOUNDED) == pair.verdict.startswith("confounded"), name
        else:
            assert (verdict == CONFOUNDED) == bool(others), name
        if verdict == CONFOUNDED:
            assert all(each in " ".join(lines) for each in others), name
