"""Why two updates part: every known cause is tried, and the one that explains the numbers to within rounding named."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.equations import Equation, follow, numbers_of, parse, symbols
from handgrad.errors import UsageError
from handgrad.files import read_tables
from handgrad.kernels.program import Batches
from handgrad.optim import GradientTransforms, Optimizer
from handgrad.torch_port.discrepancies import OTHER_LOSSES, Engine, Pass, TorchSide, relative
from handgrad.torch_port.port import torch_attribute

Array = NDArray[Any]
ROOT = re.compile(r"sqrt\((?P<mean>\w+)(?: / (?P<correction>.*))?\) \+ epsilon")  # what a step is divided by
EPSILONS: dict[str, Callable[[re.Match[str]], str]] = {
    "outside": lambda root: root[0],
    "inside": lambda root: f"{root[0].removesuffix(') + epsilon')} + epsilon)",
    "before": lambda root: f"(sqrt({root['mean']}) + epsilon) / sqrt({root['correction'] or 1})",
}
ROUNDINGS = 1e5  # within so many of a number's own, two results count as the same


class Seen(NamedTuple):
    """An update as it was observed: weights before and after, gradient, state before; all float64.

    `rates` are the learning rates that may have been meant: "now", "late" (the step before's), "early" (the next
    one's), "unscheduled". `segments` are (start, stop, penalised) of each parameter.
    """

    step: int
    before: Array
    after: Array
    gradient: Array
    states: Array
    memory: Array
    rates: Mapping[str, float]
    segments: Array


@dataclass(frozen=True)
class Assumption:
    """How the update is believed to be made; the defaults are the hand-written engine's own way."""

    optimizer: Any
    transforms: GradientTransforms
    decoupled: bool
    epsilon: str = "outside"
    corrected: bool = True
    rate: str = "now"
    everywhere: bool = False
    clipped: str = "together"


def assumed(optimizer: Optimizer, transforms: GradientTransforms) -> Assumption:
    """The hand-written engine's own way."""
    return Assumption(optimizer, transforms, optimizer.decoupled)


def predicted(seen: Seen, assumption: Assumption) -> Array:
    """The weights after the step, had it been made as assumed."""
    transforms, rate = assumption.transforms, seen.rates[assumption.rate]
    decaying = np.zeros(seen.before.size)
    weights_only = np.zeros(seen.before.size)
    for start, stop, penalised in seen.segments:
        decaying[start:stop] = penalised or assumption.everywhere
        weights_only[start:stop] = penalised
    w, g = seen.before.copy(), CLIPPED[assumption.clipped](seen, transforms.clip_norm)
    g = g + transforms.l1 * np.sign(w) * weights_only
    if assumption.decoupled:
        w = w * (1 - rate * transforms.weight_decay * decaying)
    else:
        g = g + transforms.weight_decay * w * decaying
    rule = _rule(assumption)
    known = numbers_of(assumption.optimizer) | {"w": w, "g": g, "t": seen.step, "learning_rate": rate}
    known |= zip(_remembered(rule), [*seen.memory, *seen.states], strict=True)
    follow(rule, known)
    return np.asarray(known["w"])


def _shortened(gradient: Array, limit: float) -> Array:
    return gradient * min(1.0, limit / (np.linalg.norm(gradient) + 1e-6)) if limit else gradient


def _each_shortened(seen: Seen, limit: float) -> Array:
    return np.concatenate([_shortened(seen.gradient[start:stop], limit) for start, stop, _ in seen.segments])


CLIPPED: dict[str, Callable[[Seen, float], Array]] = {
    "together": lambda seen, limit: _shortened(seen.gradient, limit),
    "each": _each_shortened,
    "never": lambda seen, limit: seen.gradient,
}


def _rule(assumption: Assumption) -> list[Equation]:
    """The optimizer's own equations, changed as assumed.  Raises  UsageError where they are only words."""
    text = assumption.optimizer.rule
    if not assumption.corrected:
        text = re.sub(r"\(1 - beta[12]\^t\)", "1", text)
    return parse(ROOT.sub(EPSILONS[assumption.epsilon], text))


def _remembered(rule: Sequence[Equation]) -> list[str]:
    """What the optimizer keeps besides the weights, its scalars first: what a line makes from its own value before."""
    own = [line.name for line in rule if any(line.name in symbols(step) for step in line.steps)]
    return [name for name in own if name != "w"]


def _has_rule(optimizer: Any) -> bool:
    """Whether its equations can be computed, and name everything that it remembers."""
    try:
        names = _remembered(parse(optimizer.rule))
    except UsageError:
        return False
    return len(names) == len(optimizer.memory) + optimizer.vectors


Change = Callable[[Assumption], Assumption | None]
"""Another assumption, or None where it makes no sense for this optimizer."""


class Cause(NamedTuple):
    """What was tried, in words; how many times more than rounding it leaves unexplained: at most 1 explains it."""

    name: str
    meaning: str
    unexplained: float


def excess(actual: Array, expected: Array, seen: Seen, precision: float) -> float:
    """The largest difference of two updated weights, over what rounding can explain.

    Math    rounding of a weight is some precision |w|; that of its update some precision |update|, for it is computed
            in a dozen operations; both taken at their largest
    """
    update = np.abs(expected - seen.before).max()
    allowed = precision * (8 * np.abs(expected).max() + 256 * update)
    return float(np.abs(actual - expected).max() / max(allowed, np.finfo(np.float64).tiny))


def update_causes(steps: Sequence[Seen], base: Assumption, precision: float) -> list[Cause]:
    """Every cause with what it leaves unexplained over all of `steps`, the best first; pairs where no single one does.

    Among those that leave less than a quarter of what rounding may, the order of UPDATE_CAUSES decides. Nothing for an
    optimizer that states its rule in words.
    """
    if not _has_rule(base.optimizer):
        return []
    known = [(name, MEANINGS["update"][name], change) for name, change in UPDATE_CAUSES.items()]
    singles = list(_tried(((name, meaning, change(base)) for name, meaning, change in known), steps, precision))
    if not any(cause.unexplained <= 1 for cause in singles):
        singles += _tried(_pairs(known, base), steps, precision)
    return sorted(singles, key=lambda cause: max(cause.unexplained, 0.25))


def _pairs(known: Sequence[tuple[str, str, Change]], base: Assumption) -> Iterable[tuple[str, str, Assumption | None]]:
    for (name, meaning, change), (other, more, second) in combinations(known, 2):
        once = change(base)
        yield f"{name} and {other}", f"{meaning}; and {more}", second(once) if once else None


def _tried(
    candidates: Iterable[tuple[str, str, Assumption | None]], steps: Sequence[Seen], precision: float
) -> Iterable[Cause]:
    for name, meaning, assumption in candidates:
        if assumption is not None:
            with np.errstate(all="ignore"):
                left = max(excess(seen.after, predicted(seen, assumption), seen, precision) for seen in steps)
            yield Cause(name, meaning, left if np.isfinite(left) else np.inf)


def _with_epsilon(place: str) -> Change:
    return lambda base: replace(base, epsilon=place) if hasattr(base.optimizer, "epsilon") else None


def _uncorrected(base: Assumption) -> Assumption | None:
    return replace(base, corrected=False) if hasattr(base.optimizer, "beta1") else None


def _decay(**changes: Any) -> Change:
    return lambda base: replace(base, **changes) if base.transforms.weight_decay else None


def _clipped(how: str) -> Change:
    return lambda base: replace(base, clipped=how) if base.transforms.clip_norm else None


def _of_torch(base: Assumption) -> Assumption | None:
    """PyTorch's defaults for everything but the learning rate."""
    mapping = base.optimizer.torch
    theirs = {name: each.default for name, each in inspect.signature(torch_attribute(mapping.name)).parameters.items()}
    hyper: dict[str, Any] = {}
    for name, ours in mapping.arguments.items():
        if name not in ("momentum", "nesterov"):  # without a momentum it is another optimizer
            hyper |= dict(zip(ours, theirs[name], strict=True)) if isinstance(ours, tuple) else {ours: theirs[name]}
    transforms = replace(base.transforms, weight_decay=theirs["weight_decay"])
    return replace(base, optimizer=replace(base.optimizer, **hyper), transforms=transforms, everywhere=True)


MEANINGS = read_tables("handgrad.torch_port", "causes.ini")
UPDATE_CAUSES: dict[str, Change] = {
    "epsilon_inside": _with_epsilon("inside"),
    "epsilon_before_correction": _with_epsilon("before"),
    "no_bias_correction": _uncorrected,
    "schedule_late": lambda base: replace(base, rate="late"),
    "schedule_early": lambda base: replace(base, rate="early"),
    "no_schedule": lambda base: replace(base, rate="unscheduled"),
    "decay_everywhere": _decay(everywhere=True),
    "decay_decoupled": lambda base: None if base.decoupled else _decay(decoupled=True)(base),
    "decay_coupled": lambda base: _decay(decoupled=False)(base) if base.decoupled else None,
    "no_decay": lambda base: _decay(transforms=replace(base.transforms, weight_decay=0.0))(base),
    "clip_each": _clipped("each"),
    "no_clip": _clipped("never"),
    "torch_defaults": _of_torch,
}


class Evidence(NamedTuple):
    """A step of PyTorch's, what the judge makes of the same, and all that both started from."""

    judge: Engine
    theirs: TorchSide
    batch: tuple[Batches, Array, int]
    before: tuple[Array, Array, Array]
    buffers: Array
    passed: Pass
    judged: Pass
    left: Array


def pass_causes(stage: str, evidence: Evidence) -> list[Cause]:
    """The causes known for a stage with what each leaves unexplained, the best first."""
    tried = []
    for name, left_by in PASS_CAUSES[stage].items():
        coarse = max(
            float(np.finfo(array.dtype).eps) for array in (evidence.passed.gradients, evidence.judged.gradients)
        )
        tried.append(Cause(name, MEANINGS[stage][name], left_by(evidence) / (ROUNDINGS * coarse)))
    return sorted(tried, key=lambda cause: cause.unexplained)


def _outputs_apart(evidence: Evidence, other: Pass) -> float:
    return max(relative(evidence.passed.outputs[layer], output) for layer, output in other.outputs.items())


def _precision(evidence: Evidence) -> float:
    """The numbers of one side are of another precision, and agree as far as the coarser of the two can."""
    if evidence.passed.gradients.dtype == evidence.judged.gradients.dtype:
        return np.inf
    return _outputs_apart(evidence, evidence.judged)


def _evaluation(evidence: Evidence) -> float:
    """The judge once more, from where PyTorch stood, in evaluation mode."""
    parameters, states, memory = evidence.before
    evidence.judge.adopt(parameters, evidence.buffers, states, memory)
    other = evidence.judge.forward_backward(*evidence.batch, training=False)
    evidence.judge.adopt(parameters, evidence.judged.buffers, states, memory)
    return _outputs_apart(evidence, other)


def _loss_of(name: str, evidence: Evidence) -> float:
    """How far PyTorch's loss is from another one of the same logits and labels."""
    port, outputs = evidence.theirs.port, evidence.passed.outputs
    batches, rows, _ = evidence.batch
    logits = port.torch.from_numpy(outputs[max(outputs)]).flatten(1)
    other = float(OTHER_LOSSES[name](port.criterion, logits, port.torch.from_numpy(batches.labels[rows])))
    return relative(np.array([evidence.passed.loss]), np.array([other]))


def _other_momentum(evidence: Evidence) -> float:
    """Running statistics with the shares of old and new exchanged, from those that the judge computed."""
    worst = 0.0
    for slot in evidence.judge.network.buffer_slots:
        part = slice(slot.start, slot.stop)
        share = getattr(evidence.judge.network.layers[slot.layer], "momentum", 0.5)
        old, new = (array.astype(np.float64)[part] for array in (evidence.buffers, evidence.judged.buffers))
        batch = old + (new - old) / share
        worst = max(worst, relative(evidence.passed.buffers[part], old + (1 - share) * (batch - old)))
    return worst


def _accumulated(evidence: Evidence) -> float:
    if not evidence.left.size:
        return np.inf
    return relative(evidence.passed.gradients, evidence.judged.gradients + evidence.left)


PASS_CAUSES: dict[str, dict[str, Callable[[Evidence], float]]] = {
    "output": {"precision": _precision, "evaluation_mode": _evaluation},
    "statistics": {"keras_momentum": _other_momentum},
    "loss": {name: partial(_loss_of, name) for name in OTHER_LOSSES},
    "gradient": {"no_zero_grad": _accumulated},
}
