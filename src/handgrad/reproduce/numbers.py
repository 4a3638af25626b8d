"""Every number that a report prints beside ours, one row each, and whether it lies inside our interval."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from handgrad.claims.document import Document
from handgrad.claims.estimate import MEASURES, written
from handgrad.claims.judge import evidence_of
from handgrad.claims.printed import Printed, Spread
from handgrad.claims.questions import VARIANTS
from handgrad.evaluation import mean_interval
from handgrad.figures.run_data import MANY, RunData
from handgrad.reports.blocks import Block, Details, Note, Table
from handgrad.reproduce.plan import Plan
from handgrad.reproduce.question_blocks import in_unit, metric_of, title_of_sweep
from handgrad.reproduce.results import Reached, Results
from handgrad.text import counted

INSIDE, ABOVE, BELOW, UNKNOWN = "inside", "ours above", "ours below", "–"
ALIKE = " with every seed"
MOST = 16  # rows of the table; of more, those below the first of each experiment are folded


class Row(NamedTuple):
    """One reported number, and what ours came to in each variant; a dash where there is nothing.

    `agreement` is INSIDE where the 95 % interval of the replication holds the reported number, ABOVE or BELOW where all
    of the interval is, UNKNOWN where there is no interval. `runs` names the trainings behind it.
    """

    experiment: str
    title: str
    measure: str
    reported: str
    replication: str
    retrained: str
    agreement: str
    runs: tuple[str, ...] = ()
    note: str = ""


def rows_of(results: Results, names: Iterable[str]) -> list[Row]:
    """A row for each number that the report prints of these; one without any gets its test accuracy."""
    found = []
    for name in names:
        printed: list[tuple[str, Any]] = list(printed_beside(results.document, name).values())
        found += [_row(results, name, measure, value) for measure, value in printed or [("test_accuracy", None)]]
        found += _few_images(results, name)
    return found


def printed_rows(results: Results) -> list[Row]:
    """A row for each number that the report prints of anything the plan asks for, sweeps last."""
    names = [name for name in results.plan.experiments if printed_beside(results.document, name).values()]
    sweeps = [name for name in results.plan.sweeps if results.document.sweeps[name].printed is not None]
    return [*rows_of(results, names), *(_sweep_row(results, sweep) for sweep in sweeps)]


def printed_beside(document: Document, name: str) -> Printed:
    """The reported numbers that an experiment's own stand beside."""
    return document.experiments[document.beside(name)].printed


def _row(results: Results, name: str, measure: str, value: Any) -> Row:
    document = results.document
    ours = {variant: results.reached(name, variant) for variant in VARIANTS}
    other = document.beside(name)
    middle = value.mean if isinstance(value, Spread) else fmean(value) if isinstance(value, list) else value
    reported = UNKNOWN if middle is None else written(float(middle), measure, document.scale)
    note = f"The reported numbers are those of {document.title_of(other)}." if other != name else ""
    counts = evidence_of(document, other).estimates.get("counted_accuracy") if measure == "test_accuracy" else None
    if counts and counts.images != MANY and written(counts.value, measure, document.scale) != reported:
        note += (
            f" The report prints {reported}; its own table of classes has {counts.right:,} of {counts.images:,} right."
        )
        reported = written(counts.value, measure, document.scale)
    replication = ours["replication"]
    values = replication.values.get(measure, []) if replication else []
    return Row(
        name,
        document.title_of(name),
        MEASURES[measure].words,
        reported,
        cell(replication, measure, document.scale),
        cell(ours["retrained"], measure, document.scale),
        UNKNOWN if measure == "seconds" or not values else _placed(reported, _ends(values, measure, document.scale)),
        tuple(run.name for reached in ours.values() if reached for run in reached.runs),
        " ".join(part for part in (document.experiments[name].note, note) if part),
    )


def _few_images(results: Results, name: str) -> list[Row]:
    """Of the few images that the report shows: how many are right, ours on those of the figure `compare_20`."""
    counts = results.document.experiments[name].printed.counts
    if counts is None or counts.images != MANY:
        return []
    reached = (results.reached(name, variant) for variant in VARIANTS)
    runs = [list(map(RunData, each.runs)) if each else [] for each in reached]
    ours = [[int(each.predictions().right[each.random_test_rows()].sum()) for each in datas] for datas in runs]
    words = [f"{fmean(right):.4g}" if right else UNKNOWN for right in ours]
    measure, reported = f"right of {counts.images} images shown", str(counts.right)
    agreement = _placed(reported, [f"{end:.4g}" for end in mean_interval(ours[0])[1:3]] if len(ours[0]) > 1 else [])
    return [Row(name, results.document.title_of(name), measure, reported, words[0], words[1], agreement)]


def _sweep_row(results: Results, name: str) -> Row:
    """The best that a sweep found of its metric, beside what the report printed."""
    document, searched, metric = results.document, results.searched(name), metric_of(results, name)
    best = searched.analysis.best if searched else None
    words, *ends = [in_unit(results, metric, value) for value in best.objective[:3]] if best else [UNKNOWN]
    reported = written(document.sweeps[name].printed or 0.0, metric, document.scale)
    measure = f"{MEASURES[metric].words}, best of all trials"
    return Row(name, title_of_sweep(document, name), measure, reported, words, UNKNOWN, _placed(reported, ends))


def cell(reached: Reached | None, measure: str, scale: float) -> str:
    """The mean with its interval over seeds, as in "97.21 [97.05, 97.37]", or why there is none."""
    if reached is None:
        return UNKNOWN
    diverged = all("diverged" in why for why in reached.failures.values())
    failed = f"{len(reached.failures)} {'diverged' if diverged else 'failed'}" if reached.failures else ""
    values = reached.values.get(measure)
    if not values:
        return failed or UNKNOWN
    words, ends = written(fmean(values), measure, scale), _ends(values, measure, scale)
    if ends and MEASURES[measure].type != "count":
        words += f" [{', '.join(ends)}]" if len(set(values)) > 1 else ALIKE
    return f"{words}, {failed}" if failed else words


def _ends(values: Sequence[float], measure: str, scale: float) -> list[str]:
    """Of the 95 % interval over seeds, as they are written; none for a single one."""
    interval = mean_interval(values)
    if interval.size < 2:
        return []
    interval = interval.within(0, scale) if MEASURES[measure].type == "share" else interval
    return [written(end, measure, scale) for end in interval[1:3]]


def _placed(reported: str, ends: Sequence[str]) -> str:
    """Compared as they are written: nobody reads more digits than that."""
    if UNKNOWN in (reported, *ends) or "NaN" in ends or not ends:
        return UNKNOWN
    number, low, high = (float(each.replace(",", "")) for each in (reported, *ends))
    return INSIDE if low <= number <= high else ABOVE if low > number else BELOW


def agreement_counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many reported numbers lie inside our interval, and of how many ours is all above or all below.

    A number of one training that is printed under several names counts once.
    """
    counts = Counter(row.agreement for row in _merged(rows)[0])
    return {place: counts[place] for place in (INSIDE, ABOVE, BELOW)}


def agreement_words(rows: Sequence[Row]) -> str:
    """The same in a sentence."""
    counts = agreement_counts(rows)
    return (
        f"Of {counted(sum(counts.values()), 'reported number')}, {counts[INSIDE]} lie inside the 95 % interval of our "
        f"replication; ours is above {counts[ABOVE]} of them, and below {counts[BELOW]}."
    )


def is_whole(plan: Plan) -> bool:
    """Whether it is trained as the report was, so that its numbers can be held against the reported ones."""
    return not plan.choice.quick and plan.choice.dataset is None


def numbers_blocks(rows: Sequence[Row], judged: bool) -> list[Block]:
    """The table of numbers; a long one has the first of each experiment, the others folded below it."""
    rows, notes = _merged(rows)
    first = {row.experiment: row for row in reversed(rows)}
    top = [row for row in rows if len(rows) <= MOST or first[row.experiment] is row]
    rest = [row for row in rows if row not in top]
    blocks: list[Block] = [numbers_table(top, judged), *notes]
    folded = f"{counted(len(rest), 'more number')} of the same experiments"
    return [*blocks, Details(folded, [numbers_table(rest, judged)])] if rest else blocks


def _merged(rows: Sequence[Row]) -> tuple[list[Row], list[Note]]:
    """One row for a number of one training that the report prints under several names, and a note on each."""
    kept: dict[tuple[Any, ...], Row] = {}
    names: dict[str, list[str]] = {}
    for place, row in enumerate(rows):
        key = (row.runs, row.measure, row.reported) if row.runs else (place,)
        first = kept.setdefault(key, row)
        if first is not row and row.title not in names.setdefault(first.title, []):
            names[first.title].append(row.title)
    notes = [
        Note(f"{title} stands for {', '.join(others)} too: the report prints one training under these names.")
        for title, others in names.items()
    ]
    return list(kept.values()), notes


def numbers_table(rows: Sequence[Row], judged: bool) -> Table:
    """One row a number; where they are `judged`, with its agreement, and all but INSIDE stand out."""
    header = ("experiment", "measure", "reported", *VARIANTS, "agreement")[: 6 if judged else 5]
    outside = frozenset(place for place, row in enumerate(rows) if judged and row.agreement in (ABOVE, BELOW))
    cells = [list(map(str, row[1 : 1 + len(header)])) for row in rows]
    return Table(header, cells, "", header[:2], outside, badges=("agreement",))
