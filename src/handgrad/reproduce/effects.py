"""What changes of a configuration do, alone and together: differences in pairs of runs, and interactions."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import Any, NamedTuple

from handgrad.claims.estimate import quantity, unit_of, written
from handgrad.claims.wording import probability
from handgrad.evaluation import Difference, holm
from handgrad.evaluation.difference import paired
from handgrad.reports.blocks import Block, Note, Table
from handgrad.reproduce.results import Results
from handgrad.runs.comparison import differing, setup_of

MEASURE = "test_accuracy"
HEADER = ("change", "accuracy", "difference [95 %]", "p (Holm)", "interaction [95 %]")


class Effect(NamedTuple):
    """Some changes of the base, what they make of it, and what they do beyond the sum of their parts.

    `interaction` is None for a single change, and where a part of the changes was not trained. `wholly` where every
    subset of the changes was: then it is the interaction of them all; else what exceeds the single effects' sum.
    """

    title: str
    changes: dict[str, Any]
    value: float
    difference: Difference
    interaction: Difference | None
    wholly: bool
    p_holm: float


class Effects(NamedTuple):
    """Of a base with its value; `left_out` says which experiments have no runs to be paired."""

    base: str
    value: float
    seeds: int
    measure: str
    scale: float
    effects: list[Effect]
    left_out: list[str]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """As HEADER has them."""
        base = (self.base, written(self.value, self.measure, self.scale), *("–",) * 3)
        return [base, *(self._row(effect) for effect in self.effects)]

    def _row(self, effect: Effect) -> tuple[str, ...]:
        together = self._signed(effect.interaction) if effect.interaction else "–"
        value, p = written(effect.value, self.measure, self.scale), _probability(effect.p_holm)
        return effect.title, value, self._signed(effect.difference), p, together

    def _signed(self, found: Difference) -> str:
        """With its interval, where there is one."""
        known = [each for each in (found.value, found.low, found.high) if not math.isnan(each)]
        number, *ends = (written(each, self.measure, self.scale) for each in known)
        return f"{'+' * (found.value > 0)}{number}" + (f" [{', '.join(ends)}]" if ends else "")

    @property
    def words(self) -> str:
        """How to read the table."""
        over = (
            f"paired over {self.seeds} seeds: shared are split, order of images, first weights of equal layers"
            if self.seeds > 1
            else ("one seed each, so nothing tells how sure they are")
        )
        unit = unit_of(self.measure, self.scale)
        whole = all(effect.wholly for effect in self.effects if effect.interaction)
        beyond = "all of their parts do" if whole else "each of them does alone"
        lead = f"Differences of {quantity(self.measure).words} from {self.base}{unit and f', in{unit}'}"
        return (
            f"{lead}, {over}. An interaction is what several changes do together beyond what {beyond}. "
            f"p is after Holm's correction over {len(self.effects)} differences."
        )


def effects_of(results: Results, names: Sequence[str], measure: str = MEASURE) -> Effects | None:
    """Of all but the first of some experiments, whose changes are what their runs' settings differ in from its own.

    None where the first has no result.
    """
    document, values, changes, left_out = results.document, dict[str, dict[int, float]](), {}, []
    for name in names:
        reached = results.reached(name, "replication")
        column = reached.values.get(measure) if reached else None
        if reached is None or not column:
            left_out.append(f"{document.title_of(name)} has no result")
            continue
        setups = [setup_of(run) for run in reached.runs]
        values[name] = {setup.config.seed: value for setup, value in zip(setups, column, strict=True)}
        changes[name] = setups[0]
    if names[0] not in values:
        return None
    base = names[0]
    differ = {
        name: {key: ends[1] for key, ends in differing(changes[base], own).items()} for name, own in changes.items()
    }
    seeds = sorted(set.intersection(*(set(each) for each in values.values())))
    columns = {name: [each[seed] for seed in seeds] for name, each in values.items()}
    found = []
    for name in [each for each in values if each != base]:
        parts = _parts(name, differ)
        difference = paired(columns[name], columns[base])
        interaction = paired(*_contrast(name, base, parts, columns)) if parts else None
        wholly = len(parts) == 2 ** len(differ[name]) - 2
        title = document.title_of(name)
        found.append(Effect(title, differ[name], fmean(columns[name]), difference, interaction, wholly, math.nan))
    known = [place for place, each in enumerate(found) if not math.isnan(each.difference.p)]
    for place, p_holm in zip(known, holm([found[place].difference.p for place in known]), strict=True):
        found[place] = found[place]._replace(p_holm=p_holm)
    return Effects(document.title_of(base), fmean(columns[base]), len(seeds), measure, document.scale, found, left_out)


def _parts(name: str, differ: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The experiments with some, not all, of an experiment's changes, and their signs in its interaction.

    All subsets of the changes with alternating signs; without them all, each single change; nothing without these.

    Math    interaction of F = sum over S in F of (-1)^(|F| - |S|) y_S, y of the base being S = {}
    """
    own = differ[name]
    by_changes = {_key(each): other for other, each in differ.items()}
    subsets = [dict(some) for size in range(1, len(own)) for some in combinations(own.items(), size)]
    parts = {_key(some): (-1) ** (len(own) - len(some)) for some in subsets}
    if not set(parts) <= set(by_changes):
        parts = {_key(dict([one])): -1 for one in own.items()}
    return {by_changes[key]: sign for key, sign in parts.items()} if parts and set(parts) <= set(by_changes) else {}


def _contrast(
    name: str, base: str, parts: dict[str, int], columns: dict[str, list[float]]
) -> tuple[list[float], list[float]]:
    """What the interaction adds, and what it takes away, by seed; all signs, that of the base too, add up to 0."""
    signs = {name: 1, **parts}
    signs[base] = -sum(signs.values())

    def total(sign: int) -> list[float]:
        chosen = [(abs(weight), columns[each]) for each, weight in signs.items() if weight * sign > 0]
        return [sum(weight * column[seed] for weight, column in chosen) for seed in range(len(columns[base]))]

    return total(1), total(-1)


def _probability(p: float) -> str:
    return "unknown" if math.isnan(p) else probability(p).removeprefix("= ")


def _key(changes: dict[str, Any]) -> str:
    return repr(sorted(changes.items()))


def effects_blocks(results: Results, names: Sequence[str]) -> list[Block]:
    """The table, and how to read it."""
    found = effects_of(results, names)
    if found is None:
        return [Note(f"{results.document.title_of(names[0])} has no result, so there is nothing to compare with.")]
    return [Table(HEADER, found.rows, found.words, HEADER[:1]), *map(Note, found.left_out)]
