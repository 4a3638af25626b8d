"""The sections of a sweep's report: summary, leaderboard, failures, recommendation, how to get it again."""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from handgrad import strict_yaml
from handgrad.config import RunConfig
from handgrad.reports.blocks import (
    Attachment,
    Block,
    Code,
    Headline,
    Note,
    Points,
    Report,
    Section,
    Table,
    Text,
    chance,
    percent,
    spelled,
)
from handgrad.reports.run_report import versions
from handgrad.reports.sweep_data import (
    SweepData,
    elapsed,
    how_searched,
    how_sure,
    in_words,
    leaderboard_table,
    standing,
    trials_table,
)
from handgrad.reports.sweep_parameters import chart_section, importance_section, observations_section
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.posthoc.test import read_chosen
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.store import STOPPED, Stop, Trial
from handgrad.text import counted, duration
from handgrad.training.trainer import environment

TOP, TIED = 20, " ≈"
OVER = {
    "seeds": "seeds (Student's t)",
    "images": "the images of a single run (Wilson)",
    "nothing": "nothing, where there is one run",
}
MOST = 12  # rows of a table; all of them stand in trials.csv
GUESSED = "no better than guessing"
FEEDBACK = ("bayes", "gp")


def summary_section(data: SweepData) -> Section:
    """The recommended configuration with what to expect of it; where there is none, the best one so far."""
    unfinished = f"This sweep is not over: {standing(data)}. What follows is what its trials show so far."
    banner = [] if data.ended else [Note(unfinished)]
    points = Points([how_searched(data), *how_sure(data)])
    return Section("summary", "Summary", [*banner, *_headline(data), points])


def _headline(data: SweepData) -> list[Block]:
    recommended, best, measure = data.analysis.recommendation, data.analysis.best, data.measure
    if recommended is not None:
        low, high = recommended.predicted.low, recommended.predicted.high
        interval = f" (95 % interval {measure.bounds(low, high)})" if measure.bounds(low, high) != "–" else ""
        words = (
            f"{measure.name} is to be expected of another run of the recommended configuration{interval}: "
            f"{in_words(recommended.values)}."
        )
        return [Headline(measure.text(recommended.predicted.mean), words), Code(recommended.command)]
    if best is not None:
        words = f"{measure.name} is the best that was reached; there are too few trials for a recommendation."
        return [Headline(measure.text(best.objective.mean), words), Code(best.command)]
    failed = f"{len(data.failed)} failed" if data.failed else "none has come to its end"
    return [Note(f"There is no result yet: no trial has a result, {failed}.")]


def leaderboard_section(data: SweepData) -> Section:
    """The best and the worst, each with its command; all of them as CSV."""
    entries = data.analysis.entries
    if not entries:
        return Section("leaderboard", "", [])
    every = f"all {counted(len(entries), 'configuration')} with their values, intervals and commands"
    attached = Attachment("leaderboard.csv", leaderboard_table(data).csv(), every)
    blocks: list[Block] = [table_of(data, entries[:TOP], caption_of(data)), attached]
    blocks += [Text("The best that was tried:"), Code(entries[0].command)]
    if len(entries) > 1:
        worst = entries[-1]
        blocks += [Text(f"The worst, {data.measure.text(worst.objective.mean)}:"), Code(worst.command)]
    return Section("leaderboard", "Leaderboard", blocks)


def caption_of(data: SweepData) -> str:
    """What the rows of the leaderboard are, and what their intervals are over."""
    entries = data.analysis.entries
    every = counted(len(entries), "configuration")
    what = f"The best {TOP} of {every}" if len(entries) > TOP else every
    tied = sum(entry.tied for entry in entries) > 1
    return (
        f"{what} by {data.measure.label}, with 95 % intervals over "
        f"{' or '.join(dict.fromkeys(OVER[entry.over] for entry in entries))}"
        f"{f'.{TIED}: not distinguishable from the best' if tied else ''}"
    )


def table_of(data: SweepData, entries: Sequence[Entry], caption: str) -> Table:
    """The configurations of some entries, with result, interval and values."""
    names, measure = data.parameters, data.measure
    header = ("", measure.label, "95 % interval", "runs", "seconds", *(name.replace("_", " ") for name in names))
    own = [data.sweep.own_name(entry.trials[0]) for entry in entries]
    rows = [
        (
            f"{entry.rank}{TIED * (entry.tied and entry.rank > 1)}",
            measure.number(entry.objective.mean),
            measure.bounds(entry.objective.low, entry.objective.high),
            str(len(entry.trials)),
            f"{entry.seconds:.3g}",
            *(spelled(entry.values[parameter]) for parameter in names),
            *[name] * any(own),
        )
        for entry, name in zip(entries, own, strict=True)
    ]
    return Table((*header, *["name"] * any(own)), rows, caption, ("name",) * any(own), compact=True)


def failures_section(data: SweepData) -> Section:
    """Failures with their reasons, values that go with them; early stops with theirs, and what they saved."""
    blocks = [*_failures(data), *_groups(data), *_stops(data)]
    return Section("failures", "Failures and early stops", blocks)


def _failures(data: SweepData) -> list[Block]:
    failures = data.analysis.failures
    if not failures:
        guessing = "" if data.sweep.definition.program else ", and none was as bad as guessing"
        return [Text(f"No trial failed{guessing}.")] if data.rated else []
    reasons = Counter(GUESSED if each.trial.rated else each.trial.state for each in failures)
    parts = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    summary = f"{len(failures):,} of {counted(len(data.trials), 'trial')} failed: {parts}."
    rows = [(str(each.trial.number), each.why, in_words(each.trial.values)) for each in failures[:MOST]]
    caption = f"Trials that failed{f'; the first {MOST}' * (len(failures) > MOST)}"
    return [Text(summary), Table(("trial", "why", "values"), rows, caption, ("why", "values"), compact=True)]


def _groups(data: SweepData) -> list[Block]:
    groups = data.analysis.failure_groups
    if not groups:
        return []
    rows = [
        (each.name.replace("_", " "), spelled(each.value), f"{each.failed} of {each.of}", chance(each.p))
        for each in groups
    ]
    caption = "Values that failures have more often than chance explains; p after Holm's correction"
    return [Table(("parameter", "value", "failed", "p"), rows, caption, ("parameter", "value"))]


def _stops(data: SweepData) -> list[Block]:
    stopped = [(trial, trial.stop) for trial in data.trials if trial.state == STOPPED and trial.stop]
    if not stopped:
        return []
    rows = [
        (
            *(str(trial.number), str(stop.rung), data.measure.number(stop.value), data.measure.number(stop.threshold)),
            *(str(stop.reached), in_words(trial.values)),
        )
        for trial, stop in stopped[:MOST]
    ]
    header = ("trial", "after epoch", data.measure.label, "threshold", "of trials there", "values")
    caption = f"Early stops, each with what it was measured by{f'; the first {MOST}' * (len(stopped) > MOST)}"
    return [Text(_saved(data, stopped)), Table(header, rows, caption, ("values",), compact=True)]


def _saved(data: SweepData, stopped: list[tuple[Trial, Stop]]) -> str:
    """In epochs, which are counted, and in time, taking the epochs that were not run to be like those that were."""
    epochs = {trial.number: _length(data, trial) for trial in data.trials if trial.rated}
    saved = sum(epochs[trial.number] - stop.rung for trial, stop in stopped)
    seconds = sum(trial.seconds / stop.rung * (epochs[trial.number] - stop.rung) for trial, stop in stopped)
    rule = data.sweep.definition.early_terminate
    eta = f"{rule.eta:g}" if rule else "eta"
    were = "was" if len(stopped) == 1 else "were"
    return (
        f"{len(stopped):,} of {counted(len(epochs), 'trial')} {were} stopped early, being worse than the value at rank "
        f"1/{eta} of those that had got as far. That saved {saved:,} of "
        f"{sum(epochs.values()):,} epochs, about {duration(seconds)} of training."
    )


def _length(data: SweepData, trial: Trial) -> int:
    """How many epochs a trial would have had; of a program, as many values of its metric as the longest trial has."""
    if data.sweep.definition.program:
        return max(len(each.epochs) for each in data.rated)
    return data.sweep.config(trial).epochs


def reproduce_section(data: SweepData) -> Section:
    """The sweep file, the command, the versions, and every trial."""
    sweep, settings = data.sweep, data.sweep.settings
    mapping = {key: value for key, value in sweep.definition.to_mapping().items() if key != "notices"}
    blocks: list[Block] = [
        Text("The sweep file, as it was understood:"),
        Code(strict_yaml.dump(mapping).rstrip()),
        Text("Saved as sweep.yaml, this runs it again:"),
        Code(command(data)),
    ]
    if settings.method in FEEDBACK:
        depends = "What is proposed depends on the results that are there by then"
        blocks.append(Text(f"{depends}: --jobs 1 makes the same trials in the same order."))
    program = sweep.definition.program
    best = None if program else sweep.best(data.trials)
    facts = sweep.run(best).facts if best else {}
    blocks += [
        _of_program(program) if program else versions(facts.get("environment") or environment()),
        Attachment("trials.csv", trials_table(data).csv(), "every trial with its values, times and end"),
    ]
    return Section("reproduce", "How to reproduce it", blocks)


def _of_program(program: Program) -> Text:
    return Text(
        f"The trials ran {program.path} in {program.folder}. handgrad does not know its data, its versions and its "
        "networks: this report has no section about them."
    )


def command(data: SweepData) -> str:
    """`handgrad sweep` with the settings that the file leaves open."""
    settings, base = data.sweep.settings, data.sweep.base
    words = ["handgrad", "sweep", "sweep.yaml", "--name", f"{data.sweep.name}-again"]
    count = settings.configurations
    words += ["--trials", str(count)] if count is not None else []
    words += ["--seeds", str(settings.seeds)] if settings.seeds > 1 else []
    words += ["--method", settings.method] if settings.method != data.sweep.definition.method else []
    if data.sweep.definition.program:
        return shlex.join([*words, *(["--seed", str(base.seed)] if base.seed else [])])
    return shlex.join([*words, *_flags(base.replaced(name=None, runs_dir="runs", wandb_group=None), data)])


def _flags(base: RunConfig, data: SweepData) -> list[str]:
    """Those of the base but what the file says: a flag would hold it still."""
    groups: list[list[str]] = []
    for word in shlex.split(base.command())[2:]:
        if word.startswith("--"):
            groups.append([])
        groups[-1].append(word)
    named = {group[0].removeprefix("--").removeprefix("no_").partition("=")[0]: group for group in groups}
    return [word for name, group in named.items() if name not in data.sweep.definition.parameters for word in group]


def recommendation_section(data: SweepData) -> Section:
    """The recommendation with its reason, its test accuracy if that was asked for, and what comes next."""
    recommended = data.analysis.recommendation
    if recommended is None:
        return Section("recommendation", "", [])
    blocks: list[Block] = [Text(f"{in_words(recommended.values)}. {recommended.words}"), Code(recommended.command)]
    blocks += _chosen(data)
    if recommended.open:
        blocks += [Text("What it leaves open:"), Points(recommended.open)]
    path = data.sweep.path
    commands = {
        "the test accuracy of the best, looked at once": f"test {path}",
        "three good configurations that differ, on another data set": f"transfer {path} --dataset mnist --top 3",
        "the five best together": f"ensemble {path} --top 5",
        "the same configurations with more seeds": f"resume {path} --seeds {data.sweep.settings.seeds + 2}",
    }
    if data.sweep.definition.program:
        commands = {what: words for what, words in commands.items() if words.startswith("resume")}
    lines = [line for what, words in commands.items() for line in (f"# {what}", f"handgrad sweep {words}")]
    return Section("recommendation", "The recommendation", [*blocks, Text("To go on:"), Code("\n".join(lines))])


def _chosen(data: SweepData) -> list[Block]:
    """The test accuracy of what was chosen, which is looked at once it was, and chooses nothing."""
    rows = [
        (
            str(each["trial"]),
            percent(each["test_accuracy"]),
            f"{100 * each['low']:.2f} to {100 * each['high']:.2f}",
            f"{each['images']:,}",
            in_words(each["values"]),
        )
        for each in read_chosen(data.sweep)
    ]
    if not rows:
        return []
    header = ("trial", "test accuracy", "95 % interval", "images", "values")
    caption = "Test accuracy of chosen configurations, looked at after validation had chosen them"
    return [Table(header, rows, caption, ("values",), compact=True)]


SECTIONS: dict[str, Callable[[SweepData], Section]] = {
    "summary": summary_section,
    "leaderboard": leaderboard_section,
    **{name: partial(chart_section, name) for name in ("timeline", "parallel", "slices")},
    "importance": importance_section,
    "observations": observations_section,
    "failures": failures_section,
    "recommendation": recommendation_section,
    "reproduce": reproduce_section,
}


def sweep_sections(data: SweepData) -> list[Section]:
    """Answer, leaderboard, charts, importance, observations, failures, recommendation, and how to get it again."""
    return [part(data) for part in SECTIONS.values()]


def build_sweep_report(data: SweepData) -> Report:
    """All of it under the sweep's name."""
    definition = data.sweep.definition
    subtitle = definition.description or f"A search for the best {data.measure.name}, by handgrad"
    return Report(f"Sweep {data.sweep.name}", subtitle, _facts(data), sweep_sections(data))


def _facts(data: SweepData) -> list[tuple[str, str]]:
    sweep, settings = data.sweep, data.sweep.settings
    program, dataset = sweep.definition.program, sweep.definition.constants.get("dataset", sweep.base.dataset)
    return [
        ("program", program.path) if program else ("data set", str(dataset)),
        ("method", settings.method),
        ("configurations", f"{len(data.analysis.entries):,}"),
        ("trials", f"{len(data.trials):,}"),
        ("seeds each", str(settings.seeds)),
        ("seed", str(settings.seed)),
        ("time", duration(elapsed(data)) if data.trials else ""),
    ]
