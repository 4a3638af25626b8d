"""Two trainings from the same weights, batches and masks, and a judge between them.

Two things are measured. How far the engines have drifted is the difference of two trainings that each go their own
way: rounding grows in it. Whether they part is judged within one step: our engine is put where PyTorch stands, given
the same batch, and must come out at the same place to within the rounding of that one step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels.random import subkey
from handgrad.nn import Network
from handgrad.torch_port.causes import Cause, Evidence, Seen, assumed, excess, pass_causes, update_causes
from handgrad.torch_port.discrepancies import DISCREPANCIES, Engine, Pass, TorchSide, apply_discrepancy, relative
from handgrad.torch_port.trainer import TorchTrainer
from handgrad.training import Trainer

Array = NDArray[Any]
Maker = Callable[[type[Trainer], str], Trainer]
"""Makes a trainer of a class in a precision; equal ones each time."""

Progress = Callable[[Iterable[int]], Iterable[int]]
"""Goes through the steps, and may show how far they are."""

BOUNDS = {"output": 1e4, "statistics": 1e4, "loss": 1e4, "gradient": 1e5}  # in roundings of a number
BEYOND_KINK = 10  # an image whose number fell on the other side of a kink has its whole share of a gradient changed
LATER = 7  # steps after the parting that must bear out its cause


class Peak(NamedTuple):
    """The largest relative difference so far, and the step at which it was."""

    value: float = 0.0
    step: int = 0


@dataclass
class Drift:
    """How far two trainings have got apart, of one layer, or of the loss."""

    peaks: dict[str, Peak] = field(default_factory=dict)

    def note(self, stage: str, value: float, step: int) -> None:
        """Keep it, if it is the largest."""
        if stage not in self.peaks or value > self.peaks[stage].value:
            self.peaks[stage] = Peak(value, step)


class Parting(NamedTuple):
    """The first place where one step differs by more than rounding; `causes` with the best explanation first."""

    step: int
    stage: str
    layer: int
    difference: float
    causes: list[Cause]


class Lockstep(NamedTuple):
    """Drift by layer number, that of the loss as -1; the largest share of the bound that one step used; the parting.

    `crossings`: how often, within a step, rounding alone decided on which side of a ReLU's kink a number fell.
    """

    drifts: dict[int, Drift]
    closest: float
    crossings: int
    parting: Parting | None
    steps: int


def lockstep(
    make: Maker,
    dtype: str,
    steps: int,
    discrepancies: Sequence[str] = (),
    start: Network | None = None,
    progress: Progress = iter,
) -> Lockstep:
    """Run both for `steps` steps, or all there are, PyTorch with `discrepancies`, from weights of `start` or `make`.

    Raises  UsageError when a discrepancy makes no sense for this training.
    """
    precision = next((DISCREPANCIES[name].dtype for name in discrepancies if DISCREPANCIES[name].dtype), dtype)
    theirs: Any = make(TorchTrainer, precision)
    pair = Pair(Engine(make(Trainer, dtype)), Engine(make(Trainer, dtype)), TorchSide(theirs))
    pair.begin(start or pair.ours.network)
    for name in discrepancies:
        apply_discrepancy(pair.theirs, name)
    steps = min(steps, theirs.total_steps)
    for step in progress(range(1, steps + 1)):
        pair.advance(step)
    return Lockstep(pair.drifts, pair.closest, pair.crossings, pair.parting(), steps)


class Pair:
    """Our engine on its own way, PyTorch on its own, and a judge: our engine, put where PyTorch stands at each step."""

    def __init__(self, ours: Engine, judge: Engine, theirs: TorchSide) -> None:
        self.ours, self.judge, self.theirs = ours, judge, theirs
        self.precision = float(np.finfo(ours.network.dtype).eps)
        self.coarser = max(self.precision, float(np.finfo(theirs.network.dtype).eps))
        self.drifts: dict[int, Drift] = {}
        self.closest, self.crossings = 0.0, 0
        self._first: tuple[int, str, int, float] | None = None
        self._causes: list[Cause] = []
        self._seen: list[Seen] = []
        self._left = np.empty(0)  # PyTorch's gradients as the step before left them

    def begin(self, start: Network) -> None:
        """The same weights and statistics on both sides, to the last bit of the coarser one."""
        ours, theirs = self.ours.network, self.theirs.network
        ours.parameters[:] = theirs.parameters[:] = start.parameters.astype(theirs.dtype)
        ours.buffers[:] = theirs.buffers[:] = start.buffers.astype(theirs.dtype)
        self.theirs.port.push()

    def advance(self, step: int) -> None:
        batches = self.ours.trainer.batches((step - 1) // self.ours.trainer.steps_per_epoch)
        theirs = self.theirs.trainer.batches((step - 1) // self.ours.trainer.steps_per_epoch)
        size = batches.size
        rows = batches.order[(step - 1) % self.ours.trainer.steps_per_epoch * size :][:size]
        key = int(subkey(batches.key, step))
        before, buffers = self.theirs.state(), self.theirs.network.buffers.copy()
        self.judge.adopt(before[0], buffers, *before[1:])
        own, passed = self.ours.forward_backward(batches, rows, key), self.theirs.forward_backward(theirs, rows, key)
        judged = self.judge.forward_backward(batches, rows, key)
        evidence = Evidence(self.judge, self.theirs, (batches, rows, key), before, buffers, passed, judged, self._left)
        self._judge_pass(step, evidence)
        self.ours.step(step)
        self.theirs.step(step)
        self._left = self.theirs.network.gradients.copy()
        self.judge.step(step, passed.gradients)
        self._judge_update(step, before, passed.gradients)
        self._note_drift(step, own, passed)

    def parting(self) -> Parting | None:
        """Where they parted first, with its causes."""
        if self._first is None:
            return None
        causes = self._causes
        if self._seen:
            settings = self.theirs.trainer.settings
            causes = update_causes(self._seen, assumed(settings.optimizer, settings.transforms), self.coarser)
        return Parting(*self._first, causes)

    def _judge_pass(self, step: int, evidence: Evidence) -> None:
        crossed = crossings(evidence.judged, evidence.passed, self.ours.network)
        self.crossings += crossed
        for stage, layer, difference in differences(evidence.judged, evidence.passed, self.ours.network):
            bound = BOUNDS[stage] * self.precision * (BEYOND_KINK if crossed and stage == "gradient" else 1)
            if self._beyond(step, stage, layer, difference, difference / bound):
                self._causes = pass_causes(stage, evidence)

    def _judge_update(self, step: int, before: tuple[Array, Array, Array], gradients: Array) -> None:
        """Weights by weights; the steps after the first parting are kept too, for a cause must explain them as well."""
        after, network = self.theirs.network.parameters.astype(np.float64), self.ours.network
        expected = self.judge.network.parameters.astype(np.float64)
        rates = self.theirs.rates(step)
        seen = Seen(step, before[0], after, gradients.astype(np.float64), *before[1:], rates, network.segments)
        for slot in network.parameter_slots:
            part = slice(slot.start, slot.stop)
            own = seen._replace(before=before[0][part])
            share = excess(after[part], expected[part], own, self.coarser)
            moved = relative(after[part] - before[0][part], expected[part] - before[0][part])
            if self._beyond(step, "update", slot.layer, moved, share):
                self._seen = [seen]
        if self._seen and self._seen[0].step < step <= self._seen[0].step + LATER:
            self._seen.append(seen)

    def _beyond(self, step: int, stage: str, layer: int, difference: float, share: float) -> bool:
        """Whether this is the parting: the first difference that is more than its bound."""
        if self._first is not None:
            return False
        if share <= 1:
            self.closest = max(self.closest, share)
            return False
        self._first = step, stage, layer, difference
        return True

    def _note_drift(self, step: int, own: Pass, theirs: Pass) -> None:
        for stage, layer, difference in differences(own, theirs, self.ours.network):
            self.drifts.setdefault(layer, Drift()).note(stage, difference, step)
        ours, others = self.ours.network, self.theirs.network
        for layer, part in layer_parts(ours.parameter_slots).items():
            weights = relative(others.parameters[part], ours.parameters[part])
            self.drifts.setdefault(layer, Drift()).note("weights", weights, step)


def crossings(judged: Pass, passed: Pass, network: Any) -> int:
    """How many outputs of ReLU and leaky ReLU are above zero on one side only."""
    kinked = [layer for layer in judged.outputs if getattr(network.layers[layer], "kink", False)]
    return sum(int(((judged.outputs[layer] > 0) != (passed.outputs[layer] > 0)).sum()) for layer in kinked)


def differences(ours: Pass, theirs: Pass, network: Any) -> Iterator[tuple[str, int, float]]:
    """(stage, layer, relative difference), in the order in which a step computes."""
    for layer, output in ours.outputs.items():
        yield "output", layer, relative(theirs.outputs[layer], output)
    for layer, part in layer_parts(network.buffer_slots).items():
        yield "statistics", layer, relative(theirs.buffers[part], ours.buffers[part])
    yield "loss", -1, relative(np.array([theirs.loss]), np.array([ours.loss]))
    for layer, part in reversed(layer_parts(network.parameter_slots).items()):
        yield "gradient", layer, relative(theirs.gradients[part], ours.gradients[part])


def layer_parts(slots: Sequence[Any]) -> dict[int, slice]:
    """Each layer's part of a flat vector, all its parameters together: a bias before batch normalisation has a
    gradient of nothing but rounding, whose size says something beside the weights' only."""
    parts: dict[int, slice] = {}
    for slot in slots:
        start = parts[slot.layer].start if slot.layer in parts else slot.start
        parts[slot.layer] = slice(start, slot.stop)
    return parts
