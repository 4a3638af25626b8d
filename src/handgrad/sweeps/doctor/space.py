"""Is the space of parameters the one that was meant?"""

from collections.abc import Iterator

import numpy as np

from handgrad.classical import CLASSICAL
from handgrad.diagnostics import ERROR, NOTE, WARNING, Diagnostic
from handgrad.errors import UsageError
from handgrad.optim import OPTIMIZERS
from handgrad.sweeps.doctor.examination import Examination
from handgrad.sweeps.space import Categorical
from handgrad.sweeps.space.logarithmic import LogUniform

SCALED = ("learning_rate", "weight_decay", "l1", "epsilon")  # what matters by its order of magnitude
DECADE = 10
DEADLY = 0.1  # of weight decay that is added to the gradient
DRAWS = 100


def nothing_varies(seen: Examination) -> Iterator[Diagnostic]:
    """One configuration is no search."""
    if seen.definition.size == 1:
        what = "every parameter has a single value: one configuration is all there is"
        yield Diagnostic(WARNING, what, "List several values of one, or train it once: handgrad train")


def linear_scale(seen: Examination) -> Iterator[Diagnostic]:
    """A quantity that spans decades, drawn so that nearly all draws fall into the highest one."""
    for field, distribution in seen.drawn():
        axis = distribution.axis
        if field not in SCALED or axis.log or axis.low < 0 or axis.high < DECADE * axis.low:
            continue
        share = 1 - (axis.high / DECADE - axis.low) / (axis.high - axis.low)
        what = f"{field} is drawn evenly from {axis.low:g} to {axis.high:g}: {share:.0%} of the draws exceed "
        fix = "Write distribution: log_uniform_values" + ("" if axis.low else ", with a min above 0")
        yield Diagnostic(WARNING, what + f"{axis.high / DECADE:g}", fix)


def exponents_for_values(seen: Examination) -> Iterator[Diagnostic]:
    """Bounds of log_uniform that look like values: they are exponents of e."""
    for field, distribution in seen.drawn():
        if not isinstance(distribution, LogUniform) or distribution.min < 0:
            continue
        if field in SCALED:
            low, high = distribution.low, distribution.high
            what = f"{field}: min {distribution.min:g} and max {distribution.max:g} are exponents of e, so that it "
            fix = "Write distribution: log_uniform_values, whose bounds are the values"
            yield Diagnostic(ERROR, what + f"lies between {low:.4g} and {high:.4g}", fix)


def deadly_weight_decay(seen: Examination) -> Iterator[Diagnostic]:
    """A penalty that outweighs the loss, for the optimizers that add it to the gradient."""
    decays = [value for value in seen.values("weight_decay") if value >= DEADLY]
    coupled = [name for name in seen.values("optimizer") if not OPTIMIZERS[name].decoupled]
    if decays and coupled:
        shown = ", ".join(f"{value:g}" for value in decays)
        what = f"weight_decay {shown} outweighs the loss: such networks learn next to nothing"
        yield Diagnostic(WARNING, what, "Stay below 0.01, or leave it in to see just that")


def impossible_combinations(seen: Examination) -> Iterator[Diagnostic]:
    """Values that cannot go together."""
    generator = np.random.default_rng(0)
    refusals: list[str] = []
    for _ in range(DRAWS):
        try:
            seen.definition.to_config(seen.definition.sample(generator), seen.base)
        except UsageError as error:
            refusals.append(str(error))
    if refusals:
        what = f"about {len(refusals) / DRAWS:.0%} of the configurations are impossible and are left out"
        yield Diagnostic(WARNING, what, f"One says: {refusals[0]}")


def without_epochs(seen: Examination) -> Iterator[Diagnostic]:
    """Models that are fitted in one go have no epochs to be watched, stopped or resumed."""
    found = [name for name in seen.values("model") if name in CLASSICAL]
    if found:
        what = f"model {', '.join(found)} is fitted in one go: a sweep watches epochs"
        yield Diagnostic(ERROR, what, "Sweep over networks, and fit it once: handgrad train --model " + found[0])


def seeds_among_parameters(seen: Examination) -> Iterator[Diagnostic]:
    """A seed is a replicate, not something to find the best of."""
    if "seed" in seen.definition.varying:
        what = "seed varies as a parameter: its luckiest value would be recommended"
        yield Diagnostic(WARNING, what, "Leave it out, and run each configuration with --seeds 3")


def ignored_probabilities(seen: Examination) -> Iterator[Diagnostic]:
    """Only random search draws by probabilities."""
    weighted = [field for field, d in seen.definition.varying.items() if isinstance(d, Categorical) and d.probabilities]
    if weighted and seen.definition.method != "random":
        what = f"probabilities of {', '.join(weighted)} count with method random only"
        yield Diagnostic(NOTE, what, f"Leave them out with method {seen.definition.method}")
