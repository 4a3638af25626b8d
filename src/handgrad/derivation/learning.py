"""From gradients to new weights: clipping and penalties, the optimizer's step, the schedule."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from handgrad.derivation.document import ENGINE_BOUND, Chapter, Section, Value, verdict
from handgrad.derivation.verify import rule_error, schedule_error
from handgrad.equations import (
    Equation,
    Glyph,
    Symbol,
    at_steps,
    dressed,
    glyph_of,
    in_numbers,
    numbers_of,
    parse,
    symbols,
)
from handgrad.errors import UsageError
from handgrad.optim import GradientTransforms, Optimizer, Schedule

RATE, FIRST_RATE = Glyph("η", below="t"), Glyph("η", below="0")
EVERYWHERE = {
    "w": Glyph("w"),
    "dw": Glyph("w", gradient=True),
    "g": Glyph("g"),
    "G": Glyph("∇L"),
    "learning_rate": RATE,
}
SCHEDULE_GLYPHS = {
    "eta": RATE,
    "learning_rate": FIRST_RATE,
    "up": Glyph("a", below="up"),
    "down": Glyph("a", below="down"),
    "schedule_factor": Glyph("q"),
    "schedule_steps": Glyph("D"),
    "warmup_steps": Glyph("B"),
    "steps": Glyph("T", below="all"),
}


class Learning(NamedTuple):
    """What makes weights from gradients, and for how many steps."""

    optimizer: Optimizer
    transforms: GradientTransforms
    schedule: Schedule
    batch_size: int
    total_steps: int


def learning_chapters(learning: Learning) -> list[Chapter]:
    """Clipping and penalties where there are any, then the update and the schedule."""
    return [*_transforms(learning), _update(learning), _schedule(learning)]


def penalty_lines(learning: Learning, known: Mapping[str, Glyph], parameter: str, penalised: bool) -> list[Equation]:
    """What is done to one parameter's gradient before the optimizer sees it; nothing where nothing is."""
    lines = parse(learning.transforms.rule(penalised, learning.optimizer.decoupled))
    own = known[parameter]
    names = {"w": own, "dw": glyph_of(f"d{parameter}", known), "g": Glyph("g", above=own.above, below=own.letter)}
    changed = [line for line in lines if line.name == "g" and symbols(line) != {"g", "dw"}]
    return dressed(changed, EVERYWHERE | names)


def _transforms(learning: Learning) -> list[Chapter]:
    transforms, decoupled = learning.transforms, learning.optimizer.decoupled
    clip, *penalties = transforms.numbers(decoupled)
    if not clip and not any(penalties):
        return []
    sections = []
    if any(penalties[:2]):
        objective = parse(transforms.objective(decoupled))
        remark = "w stands for all weights W; biases, γ and β are exempt."
        sections.append(Section("Objective", dressed(objective, EVERYWHERE), _values(transforms, objective), (remark,)))
    lines = parse(transforms.rule(True, decoupled))
    decay = "The last line shrinks weights directly, before the update; biases, γ and β are exempt."
    remarks = ["∇L is the gradient by all parameters together."] if clip else []
    remarks += [decay] if penalties[2] else []
    sections.append(Section("Gradient", dressed(lines, EVERYWHERE), _values(transforms, lines), tuple(remarks)))
    return [Chapter("Clipping and penalties", "Between a gradient and the optimizer.", sections)]


def _update(learning: Learning) -> Chapter:
    optimizer = learning.optimizer
    title = f"Update: {type(optimizer).__name__}"
    introduction = (
        f"At step t, for each parameter w with its gradient g as above, element by element. {optimizer.reference}."
    )
    try:
        lines = parse(optimizer.rule)
    except UsageError:
        return Chapter(title, introduction, [Section("Rule, in its own words", [], remarks=(optimizer.rule,))])
    values = numbers_of(optimizer)
    stepped = at_steps(lines, values)
    glyphs = {"learning_rate": FIRST_RATE}
    numbers = [Value(Symbol(name, glyph_of(name, glyphs)), value, name) for name, value in values.items()]
    start = "What is of step t − 1 on the right is 0 before the first step, except w."
    check = verdict("rules against engine, three steps", rule_error(optimizer, learning.transforms), ENGINE_BOUND)
    rates = learning.schedule.rates(optimizer.learning_rate, 0, learning.total_steps, learning.total_steps)
    sections = [Section("Rule", stepped, numbers, (start,) if len(lines) > 1 else (), (check,))]
    fixed = values if np.ptp(rates) == 0 else {name: values[name] for name in values if name != "learning_rate"}
    if fixed:
        sections.append(Section("In numbers", [in_numbers(line, fixed) for line in stepped]))
    return Chapter(title, introduction, sections)


def _schedule(learning: Learning) -> Chapter:
    schedule = learning.schedule
    title = f"Schedule: {type(schedule).__name__}"
    introduction = f"The learning rate of step t, from 1 to {learning.total_steps:,}."
    if not schedule.rule:
        return Chapter(title, introduction, [Section("", [], remarks=("This schedule states no equations.",))])
    lines = parse(schedule.statement())
    settings: dict[str, float] = {
        "steps": learning.total_steps,
        "learning_rate": learning.optimizer.learning_rate,
        **numbers_of(schedule),
    }
    used = set().union(*(symbols(line) for line in lines))
    values = [
        Value(Symbol(n, SCHEDULE_GLYPHS.get(n, glyph_of(n))), float(v), n) for n, v in settings.items() if n in used
    ]
    error = schedule_error(schedule, learning.optimizer.learning_rate, learning.total_steps)
    check = verdict("equations against engine, every step", error, ENGINE_BOUND)
    return Chapter(
        title, introduction, [Section("Learning rate", dressed(lines, SCHEDULE_GLYPHS), values, checks=(check,))]
    )


def _values(thing: Any, lines: list[Equation]) -> list[Value]:
    used = set().union(*(symbols(line) for line in lines))
    known = numbers_of(thing).items()
    return [Value(Symbol(name, glyph_of(name)), value, name) for name, value in known if name in used]
