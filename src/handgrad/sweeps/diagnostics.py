"""What is wrong with a sweep before hours are spent on it, each with its fix."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig
from handgrad.config.describe import WITHOUT_INFLUENCE, conditions
from handgrad.config.lookup import listed
from handgrad.config.metrics import is_share, metric_name
from handgrad.data import read_fold
from handgrad.errors import ERROR, NOTE, WARNING, Diagnostic, UsageError
from handgrad.optim import OPTIMIZERS
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Categorical, Distribution, LogUniform, plain_of
from handgrad.sweeps.timing import Estimate
from handgrad.text import counted, duration

FEW = 1000  # values that are looked at one by one
LONG_HOURS = 24
SCALED = ("learning_rate", "weight_decay", "l1", "epsilon")  # what matters by its order of magnitude
DECADE = 10
DEADLY = 0.1  # of weight decay that is added to the gradient
DRAWS = 100


@dataclass(frozen=True)
class Plan:
    """How much is to be done: trials in all, hours, trials at a time, seeds for each configuration."""

    trials: int | None = None
    hours: float | None = None
    jobs: int = 1
    seeds: int = 1


@dataclass(frozen=True)
class DiagnosedSweep:
    """A sweep, the configuration that it starts from, what is planned, and the seconds of a trial, if known."""

    definition: SweepDefinition
    base: RunConfig
    plan: Plan
    estimate: Estimate | None

    @property
    def trials(self) -> int | None:
        """How many configurations are to be run; None when nothing bounds them."""
        bounds = [self.plan.trials, self.definition.run_cap, self.definition.size]
        return min((bound for bound in bounds if bound is not None), default=None)

    def values(self, field: str) -> list[Any]:
        """The values that a field of RunConfig takes in the sweep; of too many to list, some from low to high."""
        distribution = self.definition.parameters.get(field)
        if distribution is None:
            presets = self.definition.parameters.get("preset")
            starts = [self.base.replaced(preset=preset) for preset in presets.grid()] if presets else [self.base]
            return list(dict.fromkeys(getattr(start, field) for start in starts))
        if distribution.size is not None and distribution.size <= FEW:
            return distribution.grid()
        return [distribution.quantile(p) for p in (0.001, 0.25, 0.5, 0.75, 0.999)]

    def drawn(self) -> Iterator[tuple[str, Distribution]]:
        """The parameters that vary along a scale, not over a list."""
        pairs = self.definition.varying.items()
        yield from ((field, distribution) for field, distribution in pairs if distribution.axis.type != "categorical")


def size_and_hours(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """How many configurations there are, how many are tried, and how long that takes."""
    size, trials = sweep.definition.size, sweep.trials
    what = "the space has no end" if size is None else f"the space has {counted(size, 'configuration')}"
    if trials is None:
        end = "" if sweep.plan.hours else "; nothing says when to stop"
        yield Diagnostic(
            NOTE, what + end, "" if sweep.plan.hours else "Give --trials N or --hours H, or run_cap in the file"
        )
    else:
        seeds = f", each with {sweep.plan.seeds} seeds" if sweep.plan.seeds > 1 else ""
        yield Diagnostic(NOTE, f"{what}; {'all' if trials == size else f'{trials:,}'} of them to be tried{seeds}")
    yield from _hours(sweep, trials)


def _hours(sweep: DiagnosedSweep, trials: int | None) -> Iterator[Diagnostic]:
    estimate = sweep.estimate
    if estimate is None:
        return
    each = f"a trial takes about {estimate.seconds:.3g} s ({estimate.low:.3g} to {estimate.high:.3g})"
    at_a_time = f", {sweep.plan.jobs} at a time" if sweep.plan.jobs > 1 else ""
    if trials is None:
        yield Diagnostic(NOTE, f"{each}{at_a_time}")
        return
    seconds = [n * trials * sweep.plan.seeds / sweep.plan.jobs for n in estimate[:3]]
    mean, low, high = map(duration, seconds)
    total = f"{mean} in all ({low} to {high}{at_a_time})"
    limit = sweep.plan.hours or LONG_HOURS
    if seconds[0] <= 3600 * limit:
        yield Diagnostic(NOTE, f"{each}: {total}")
        return
    fitting = max(1, int(trials * 3600 * limit / seconds[0]))
    stop = f"--hours {limit:g} ends it after about {fitting:,} trials" if sweep.plan.hours else "longer than a day"
    other = "method: bayes or random, with " if sweep.definition.method == "grid" else ""
    yield Diagnostic(WARNING, f"{each}: {total}; {stop}", f"Try fewer: {other}--trials {fitting}")


def rungs_out_of_reach(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Rungs at which no run can be stopped, or not the shorter ones."""
    stopping = sweep.definition.early_terminate
    if stopping is None:
        return
    lengths = sorted(set(sweep.values("epochs")))
    longest = lengths[-1]
    all_rungs = stopping.rungs(10**6)
    reached = stopping.rungs(longest)
    if not reached:
        first = all_rungs[0]
        what = f"early_terminate stops nothing: its first rung is epoch {first}, and no run goes beyond {longest}"
        fix = "Write min_iter: 1" if longest > 1 else "Leave early_terminate out, or train for more epochs"
        yield Diagnostic(WARNING, what, fix)
        return
    beyond = [rung for rung in all_rungs if rung >= longest]
    if stopping.max_iter is not None and beyond:
        what = f"early_terminate: no run of {longest} epochs is stopped at epoch {', '.join(map(str, beyond))}"
        yield Diagnostic(WARNING, what, f"Write max_iter: {longest}")
    short = [length for length in lengths if length <= reached[0]]
    if short:
        what = f"runs of {', '.join(map(str, short))} epochs are never stopped: the first rung is epoch {reached[0]}"
        yield Diagnostic(NOTE, what)


def more_trials_than_there_are(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """No configuration is run twice, so a finite space ends."""
    size = sweep.definition.size
    for name, wanted in (("--trials", sweep.plan.trials), ("run_cap", sweep.definition.run_cap)):
        if size is not None and wanted is not None and wanted > size:
            what = f"{name} {wanted:,} is more than the {counted(size, 'configuration')}; none is run twice"
            yield Diagnostic(NOTE, what, "For replicates give --seeds N")


def without_effect(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Parameters that some or all of the runs do not look at: such runs repeat each other."""
    for field in sweep.definition.varying:
        if field in WITHOUT_INFLUENCE:
            yield Diagnostic(
                WARNING, f"{field} changes nothing of a training, only what is written down", "Leave it out"
            )
        for selector, holds, _ in conditions(field):
            chosen = sweep.values(selector)
            idle = [value for value in chosen if not holds(value)]
            where = f"{selector} {listed(map(str, idle))}" if idle else ""
            if idle and len(idle) == len(chosen):
                yield Diagnostic(WARNING, f"{field} has no effect: not with {where}", "Leave it out")
            elif idle:
                what = f"{field} has no effect with {where}: those runs repeat each other"
                yield Diagnostic(WARNING, what, f"Sweep it apart from {'that' if len(idle) == 1 else 'those'}")


def wrong_way(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """An accuracy that is minimized, or a loss that is maximized."""
    metric = sweep.definition.metric
    name = metric_name(metric.name) if metric.foreign else metric.name
    right = "maximize" if name and is_share(name) else "minimize"
    if name and metric.goal not in (right, "target"):
        best = "the worst networks would win"
        default = " (the default where no goal is given)" if metric.goal == "minimize" else ""
        yield Diagnostic(
            WARNING if metric.foreign else ERROR,
            f"{metric.name} is to be {metric.goal}d{default}: {best}",
            f"Write goal: {right}",
        )


def unsuitable_metric(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """A choice by the test set, which is then no longer one, or by the training set, which the largest network wins; a
    validation metric where some runs hold nothing out; a target accuracy in per cent.
    """
    metric = sweep.definition.metric
    if metric.name.startswith("test"):
        what = f"{metric.name} decides: what is chosen by the test set cannot be judged by it any more"
        better = metric.name.replace("test", "validation")
        yield Diagnostic(ERROR, what, f"Write name: {better}; the test set is for the chosen ones, at the end")
    watched = next((fold for fold in sweep.values("fold") if fold and not read_fold(fold).held), None)
    if watched and metric.name.startswith("validation"):
        what = f"fold {watched} validates on test images: {metric.name} would choose by them"
        yield Diagnostic(ERROR, what, "Leave out fold, or hold out folds of the training images")
    if metric.name.startswith("train"):
        what = f"{metric.name} decides: the network that memorises best wins"
        yield Diagnostic(WARNING, what, f"Write name: {metric.name.replace('train', 'validation')}")
    if metric.name.startswith("validation") and 0 in sweep.values("validation_fraction"):
        what = f"{metric.name} is never logged where validation_fraction is 0"
        yield Diagnostic(ERROR, what, "Hold something out: validation_fraction 0.1")
    if metric.target is not None and metric.share and not 0 <= metric.target <= 1:
        share = metric.target / 100
        fix = f"Write target: {share:g}" if 0 <= share <= 1 else "Write a target from 0 to 1"
        yield Diagnostic(ERROR, f"target {metric.target:g} is out of reach: {metric.name} goes from 0 to 1", fix)


def nothing_varies(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """One configuration is no search."""
    if sweep.definition.size == 1:
        what = "every parameter has a single value: one configuration is all there is"
        yield Diagnostic(WARNING, what, "List several values of one, or train it once: handgrad train")


def linear_scale(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """A quantity that spans decades, drawn so that nearly all draws fall into the highest one."""
    for field, distribution in sweep.drawn():
        axis = distribution.axis
        if field not in SCALED or axis.log or axis.low < 0 or axis.high < DECADE * axis.low:
            continue
        share = 1 - (axis.high / DECADE - axis.low) / (axis.high - axis.low)
        what = f"{field} is drawn evenly from {axis.low:g} to {axis.high:g}: {share:.0%} of the draws exceed "
        fix = "Write distribution: log_uniform_values" + ("" if axis.low else ", with a min above 0")
        yield Diagnostic(WARNING, what + f"{axis.high / DECADE:g}", fix)


def exponents_for_values(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Bounds of log_uniform that look like values: they are exponents of e."""
    for field, distribution in sweep.drawn():
        plain = plain_of(distribution)
        if isinstance(plain, LogUniform) and plain.min >= 0 and field in SCALED:
            low, high = plain.bounds
            what = f"{field}: min {plain.min:g} and max {plain.max:g} are exponents of e, so that it "
            fix = "Write distribution: log_uniform_values, whose bounds are the values"
            yield Diagnostic(ERROR, what + f"lies between {low:.4g} and {high:.4g}", fix)


def deadly_weight_decay(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """A penalty that outweighs the loss, for the optimizers that add it to the gradient."""
    decays = [value for value in sweep.values("weight_decay") if value >= DEADLY]
    coupled = [name for name in sweep.values("optimizer") if not OPTIMIZERS[name].decoupled]
    if decays and coupled:
        listed_decays = ", ".join(f"{value:g}" for value in decays)
        what = f"weight_decay {listed_decays} outweighs the loss: such networks learn next to nothing"
        yield Diagnostic(WARNING, what, "Stay below 0.01, or leave it in to see just that")


def impossible_combinations(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Values that cannot go together."""
    generator = np.random.default_rng(0)
    refusals: list[str] = []
    for _ in range(DRAWS):
        try:
            sweep.definition.to_config(sweep.definition.sample(generator), sweep.base)
        except UsageError as error:
            refusals.append(str(error))
    if refusals:
        what = f"about {len(refusals) / DRAWS:.0%} of the configurations are impossible and are left out"
        yield Diagnostic(WARNING, what, f"One says: {refusals[0]}")


def without_epochs(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Models that are fitted in one go have no epochs to be watched, stopped or resumed."""
    found = [name for name in sweep.values("model") if name in CLASSICAL]
    if found:
        what = f"model {', '.join(found)} is fitted in one go: a sweep watches epochs"
        yield Diagnostic(ERROR, what, "Sweep over networks, and fit it once: handgrad train --model " + found[0])


def seeds_among_parameters(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """A seed is a replicate, not something to find the best of."""
    if "seed" in sweep.definition.varying:
        what = "seed varies as a parameter: its luckiest value would be recommended"
        yield Diagnostic(WARNING, what, "Leave it out, and run each configuration with --seeds 3")


def seeds_not_passed_on(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """A program learns the seed of a replicate only by a parameter of that name."""
    if sweep.definition.program and sweep.plan.seeds > 1 and "seed" not in sweep.definition.parameters:
        what = f"the program does not get its seed: if it fixes one itself, its {sweep.plan.seeds} runs are equal"
        yield Diagnostic(WARNING, what, "If it takes one, add seed: {value: 0} to the parameters: replicates count up")


def ignored_probabilities(sweep: DiagnosedSweep) -> Iterator[Diagnostic]:
    """Only random search draws by probabilities."""
    weighted = [
        field for field, d in sweep.definition.varying.items() if isinstance(d, Categorical) and d.probabilities
    ]
    if weighted and sweep.definition.method != "random":
        what = f"probabilities of {', '.join(weighted)} count with method random only"
        yield Diagnostic(NOTE, what, f"Leave them out with method {sweep.definition.method}")


CHECKS: tuple[Callable[[DiagnosedSweep], Iterator[Diagnostic]], ...] = (
    size_and_hours,
    wrong_way,
    unsuitable_metric,
    nothing_varies,
    exponents_for_values,
    linear_scale,
    deadly_weight_decay,
    without_effect,
    impossible_combinations,
    seeds_among_parameters,
    without_epochs,
    seeds_not_passed_on,
    ignored_probabilities,
    rungs_out_of_reach,
    more_trials_than_there_are,
)
OF_OWN_RUNS = {unsuitable_metric, deadly_weight_decay, without_effect, impossible_combinations, without_epochs}
OF_OWN_RUNS |= {rungs_out_of_reach}  # what a program's parameters mean, and how long it trains, is not known


def diagnose_sweep(
    definition: SweepDefinition, base: RunConfig, plan: Plan | None = None, estimate: Estimate | None = None
) -> list[Diagnostic]:
    """All that is found about a sweep, the worst first; hours are stated where an `estimate` of a trial is given."""
    sweep = DiagnosedSweep(definition, base, plan or Plan(), estimate)
    checks = [check for check in CHECKS if not (definition.program and check in OF_OWN_RUNS)]
    found = [each for check in checks for each in check(sweep)]
    return sorted([*found, *definition.notices], key=lambda each: (ERROR, WARNING, NOTE).index(each.severity))
