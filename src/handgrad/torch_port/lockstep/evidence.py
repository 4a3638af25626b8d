"""Why a forward or backward pass parts: each known cause is computed and compared with what PyTorch gave."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels.program import Batches
from handgrad.torch_port.lockstep.causes import Cause
from handgrad.torch_port.lockstep.engine import Engine
from handgrad.torch_port.lockstep.side import Pass, TorchSide, relative

Array = NDArray[Any]
ROUNDINGS = 1e5  # within so many of a number's own, two results count as the same


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
    for name, (meaning, left_by) in PASS_CAUSES[stage].items():
        coarse = max(
            float(np.finfo(array.dtype).eps) for array in (evidence.passed.gradients, evidence.judged.gradients)
        )
        tried.append(Cause(name, meaning, left_by(evidence) / (ROUNDINGS * coarse)))
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


def _loss_of(evidence: Evidence, loss: Callable[[Any, Any, Any], Any]) -> float:
    """How far PyTorch's loss is from another one of the same logits and labels."""
    port, outputs = evidence.theirs.port, evidence.passed.outputs
    batches, rows, _ = evidence.batch
    logits = port.torch.from_numpy(outputs[max(outputs)]).flatten(1)
    other = float(loss(port, logits, port.torch.from_numpy(batches.labels[rows])))
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


PASS_CAUSES: dict[str, dict[str, tuple[str, Callable[[Evidence], float]]]] = {
    "output": {
        "precision": ("PyTorch computes in another precision than we do", _precision),
        "evaluation_mode": (
            "PyTorch's model is in evaluation mode: no dropout, running statistics. model.train() is missing",
            _evaluation,
        ),
    },
    "statistics": {
        "keras_momentum": (
            "the momentum of batch normalisation is one minus ours: Keras' convention in PyTorch's place",
            _other_momentum,
        ),
    },
    "loss": {
        "softmax_twice": (
            "a softmax stands before cross_entropy, which has one of its own",
            lambda evidence: _loss_of(evidence, lambda port, z, labels: port.criterion(z.softmax(1), labels)),
        ),
        "summed_loss": (
            "the loss is summed over the batch, not averaged",
            lambda evidence: _loss_of(evidence, lambda port, z, labels: port.criterion(z, labels) * len(labels)),
        ),
    },
    "gradient": {
        "no_zero_grad": ("gradients add up from step to step: optimizer.zero_grad() is missing", _accumulated),
    },
}
