"""What a sweep was, in sentences of numbers."""

from handgrad.reports.sweep.data import SweepData
from handgrad.sweeps.trial import FAILED, LOST, STOPPED

METHODS = {
    "grid": "in random order over a grid",
    "random": "at random",
    "bayes": "by Optuna's tree-structured Parzen estimator",
    "gp": "by Optuna's Gaussian process",
}


def duration(seconds: float) -> str:
    """As one says it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, what: str) -> str:
    """ "1 trial", "1,200 trials"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def standing(data: SweepData) -> str:
    """How far it is: "57 of 200 trials are settled, 2 run"."""
    wanted = data.sweep.wanted
    of = f" of {counted(wanted, 'trial')}" if wanted is not None else " trials"
    parts = [f"{data.settled:,}{of} {'is' if data.settled == 1 else 'are'} settled"]
    if data.running:
        what = ("runs" if data.running == 1 else "run") if data.driven else "cut off"
        parts.append(f"{data.running:,} {what}")
    lost = sum(trial.state == LOST for trial in data.trials)
    if lost:
        parts.append(f"{lost:,} {'was' if lost == 1 else 'were'} lost")
    return ", ".join(parts)


def how_searched(data: SweepData) -> str:
    """Space, method, trials, seeds and time in a sentence or two."""
    definition, settings = data.sweep.definition, data.sweep.settings
    size, count = definition.size, len(definition.varying)
    space = f"{counted(size, 'configuration')}" if size is not None else "a space without end"
    seeds = f", {settings.seeds} for each configuration" if settings.seeds > 1 else ""
    return (
        f"Searched: {space} of {counted(count, 'parameter')}, {METHODS[settings.method]}, from seed {settings.seed}. "
        f"{counted(len(data.trials), 'trial')}{seeds}: {_states(data)}. {_time(data)}"
    ).strip()


def elapsed(data: SweepData) -> float:
    """Seconds from the begin of the first trial to the end of the last; pauses count."""
    if not data.trials:
        return 0.0
    return max(trial.began + trial.seconds for trial in data.trials) - min(trial.began for trial in data.trials)


def _states(data: SweepData) -> str:
    counts = data.analysis.states
    words = {"finished": "finished", STOPPED: "stopped early", FAILED: "failed", LOST: "lost", "running": "running"}
    return ", ".join(f"{counts[state]:,} {word}" for state, word in words.items() if counts.get(state)) or "none begun"


def _time(data: SweepData) -> str:
    if not data.trials:
        return ""
    training = sum(trial.seconds for trial in data.trials)
    return f"{duration(elapsed(data))} from the first to the last, {duration(training)} of training in all."


def chance(p: float) -> str:
    """A p-value with the digits that matter."""
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def how_sure(data: SweepData) -> list[str]:
    """What the interval is over, and how many configurations might as well be the best."""
    entries, best = data.analysis.entries, data.analysis.best
    if best is None:
        return []
    lines = []
    ties = sum(entry.tied for entry in entries) - 1
    if len(entries) > 1 and ties > 0:
        lines.append(
            f"{ties:,} of the other {len(entries) - 1:,} configurations cannot be told apart from the best one, "
            f"{data.measure.text(best.objective.mean)}: more seeds would tell."
        )
    elif len(entries) > 1:
        text = data.measure.text(best.objective.mean)
        lines.append(f"The best, {text}, is better than every other configuration, beyond chance.")
    return [*lines, *_caveat(data)]


def _caveat(data: SweepData) -> list[str]:
    if data.sweep.definition.metric.name.startswith("validation"):
        caveat = "The validation images chose the configuration, so its own result on them is flattering; the test"
        return [f"{caveat} images chose nothing."]
    return []
