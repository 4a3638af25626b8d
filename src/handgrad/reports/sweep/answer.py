"""What came out of a sweep, and how sure that is, before anything else."""

from handgrad.reports.blocks import Block, Code, Headline, Note, Points, Section
from handgrad.reports.sweep.data import SweepData, in_words
from handgrad.reports.sweep.facts import how_searched, how_sure, standing


def answer_section(data: SweepData) -> Section:
    """The recommended configuration with what to expect of it; where there is none, the best one so far."""
    blocks: list[Block] = [*_banner(data), *_headline(data)]
    points = [how_searched(data), *how_sure(data)]
    return Section("answer", "The answer", [*blocks, Points(points)])


def _banner(data: SweepData) -> list[Block]:
    if data.ended:
        return []
    return [Note(f"This sweep is not over: {standing(data)}. What follows is what its trials tell so far.")]


def _headline(data: SweepData) -> list[Block]:
    advice, best, measure = data.analysis.recommendation, data.analysis.best, data.measure
    if advice is not None:
        low, high = advice.predicted.low, advice.predicted.high
        interval = f" (95 % interval {measure.bounds(low, high)})" if measure.bounds(low, high) != "–" else ""
        words = (
            f"{measure.name} is to be expected of another run of the recommended configuration{interval}: "
            f"{in_words(advice.values)}."
        )
        return [Headline(measure.text(advice.predicted.mean), words), Code(advice.command)]
    if best is not None:
        words = f"{measure.name} is the best that was reached; there are too few trials for a recommendation."
        return [Headline(measure.text(best.objective.mean), words), Code(best.command)]
    failed = f"{len(data.failed)} failed" if data.failed else "none has come to its end"
    return [Note(f"There is no answer: no trial has a result, {failed}.")]
