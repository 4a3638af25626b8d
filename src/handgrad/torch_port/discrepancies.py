"""PyTorch's side of a lockstep, a step taken apart; and ways of doing it that look alike and are not.

These exist to be found out: `causes` must name each from its numbers alone.
"""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import UsageError
from handgrad.kernels.augment import augment
from handgrad.kernels.program import Batches
from handgrad.nn.layout import outputs
from handgrad.torch_port.trainer import TorchTrainer
from handgrad.training import Trainer

Array = NDArray[Any]
# Losses that PyTorch's `plain` one is easily taken for.
OTHER_LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "softmax_twice": lambda plain, logits, labels: plain(logits.softmax(1), labels),
    "summed_loss": lambda plain, logits, labels: plain(logits, labels) * len(labels),
}
ADAMS = ("torch.optim.Adam", "torch.optim.AdamW")
SQUARES = (*ADAMS, "torch.optim.RMSprop", "torch.optim.Adagrad")


class Pass(NamedTuple):
    """What a forward and backward pass gave: each layer's output by its number, loss, gradients, buffers after it."""

    outputs: dict[int, Array]
    loss: float
    gradients: Array
    buffers: Array


class TorchSide:
    """A port that goes step by step; how it does may be changed: see `discrepancies`."""

    def __init__(self, trainer: TorchTrainer) -> None:
        self.trainer, self.port, self.update = trainer, trainer.port, trainer.update
        self.torch, self.network = trainer.port.torch, trainer.network
        self.rate_at: Callable[[int], float] = trainer.learning_rate_at
        self.criterion = trainer.port.training_criterion
        self.training, self.zeroing = True, True

    def forward_backward(self, batches: Batches, rows: Array, key: int) -> Pass:
        """One batch through the port, its gradients left there."""
        x, labels = self.port.batch(batches, rows, key)
        if self.zeroing:
            self.port.gradients.zero_()
        outputs = dict(self.port.outputs(x, key if self.training else None))
        loss = self.criterion(outputs[max(outputs)].flatten(1), labels)
        loss.backward()
        self.port.pull()
        arrays = {layer: output.detach().cpu().numpy() for layer, output in outputs.items()}
        return Pass(arrays, float(loss.detach()), self.network.gradients.copy(), self.network.buffers.copy())

    def step(self, step: int) -> None:
        self.update.push(step - 1)
        self.update(self.rate_at(step), False)
        self.update.pull()
        self.port.pull()

    def rates(self, step: int) -> dict[str, float]:
        """The learning rates that the `step`-th step may have been made with: see `rules.Seen`."""
        trainer = self.trainer
        return {
            "now": trainer.learning_rate_at(step),
            "late": trainer.learning_rate_at(max(step - 1, 1)),
            "early": trainer.learning_rate_at(step + 1),
            "unscheduled": trainer.settings.optimizer.learning_rate,
        }

    def state(self) -> tuple[Array, Array, Array]:
        """Parameters, state vectors and scalars of the optimizer, copied, as float64.

        Shapes  (P,), (vectors, P), (scalars,)
        """
        optimization = self.update.optimization
        parameters = self.network.parameters.astype(np.float64)
        states = optimization.states.astype(np.float64).reshape(optimization.vectors, parameters.size)
        return parameters, states, optimization.memory.copy()


def relative(one: Array, other: Array) -> float:
    """|one - other| / |other| in the Euclidean norm; 0 where both are nothing."""
    if not np.asarray(one).size:
        return 0.0
    apart = float(np.linalg.norm(np.asarray(one, np.float64).ravel() - np.asarray(other, np.float64).ravel()))
    size = float(np.linalg.norm(np.asarray(other, np.float64)))
    return apart / size if size else (math.inf if apart else 0.0)


class Engine:
    """A trainer's network and optimizer, its steps taken apart."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.network, self.optimization = trainer, trainer.network, trainer.optimization
        self.program = trainer.network.program(trainer.settings.batch_size)

    def adopt(self, parameters: Array, buffers: Array, states: Array, memory: Array) -> None:
        """Stand where another engine stands."""
        self.network.parameters[:], self.network.buffers[:] = parameters, buffers
        self.optimization.states[:], self.optimization.memory[:] = states.ravel(), memory

    def forward_backward(self, batches: Batches, rows: Array, key: int, training: bool = True) -> Pass:
        """One batch through the network, its gradients left there."""
        x = self.program.activations[: rows.size * self.program.table[0]["x_size"]]
        labels, weights = np.empty(rows.size, np.int64), batches.weights[rows] if batches.weights.size else np.empty(0)
        kernels.driver.gather(batches, rows, x, labels)
        if batches.augmentation.size:
            augment(x, rows.size, batches.augmentation, batches.scale, batches.shift, np.uint64(key))
        loss, _ = kernels.driver.loss_and_gradients(self.program, labels, weights, np.uint64(key), training)
        network, everything = self.network, enumerate(outputs(self.network, self.program, rows.size))
        found = {layer: y.copy() for layer, y in everything if network.plans[layer].kernels}
        return Pass(found, float(loss), network.gradients.copy(), network.buffers.copy())

    def step(self, step: int, gradients: Array | None = None) -> None:
        """The `step`-th update, from other gradients than the network's where they are given."""
        if gradients is not None:
            self.network.gradients[:] = gradients
        rate = self.trainer.learning_rate_at(step)
        kernels.driver.optimizer_step(self.program, self.optimization, step, rate, 1.0, False)


class Discrepancy(NamedTuple):
    """One way, in words; `apply` brings a side to it; `dtype` is the precision that it is to have, "" for our own.

    `rules` are PyTorch's optimizers that it is a way to write, none for all; without the setting `needs` it changes
    nothing.
    """

    meaning: str
    apply: Callable[[TorchSide], None] = lambda side: None
    rules: tuple[str, ...] = ()
    needs: str = ""
    dtype: str = ""


class _ByHand:
    """Adam, RMSprop or Adagrad as a loop over parameters, with the freedom that torch.optim does not give."""

    def __init__(self, side: TorchSide, inside: bool, corrected: bool) -> None:
        self.side, self.inside, self.corrected = side, inside, corrected
        self.optimizer: Any = side.trainer.settings.optimizer
        self.names = side.update.mapping.states
        self.param_groups, self.state = side.update.rule.param_groups, side.update.rule.state

    def step(self) -> None:
        with self.side.torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    self._update(parameter, group)

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        state, decay, rate = self.state[parameter], group["weight_decay"], group["lr"]
        if self.optimizer.decoupled:
            parameter.mul_(1 - rate * decay)
        gradient = parameter.grad if self.optimizer.decoupled else parameter.grad + decay * parameter
        mean, square, correction = self._averages(gradient, state)
        root = square / correction
        root = (root + group["eps"]).sqrt() if self.inside else root.sqrt() + group["eps"]
        parameter.sub_(rate * mean / root)

    def _averages(self, gradient: Any, state: dict[str, Any]) -> tuple[Any, Any, float]:
        """What is divided, the mean square that it is divided by the root of, and the correction of that."""
        ours, kept = self.optimizer, [state[name] for name in self.names]
        if self.names == ("sum",):  # Adagrad
            return gradient, kept[0].add_(gradient**2), 1.0
        if self.names == ("square_avg",):  # RMSprop
            return gradient, kept[0].mul_(ours.beta).add_((1 - ours.beta) * gradient**2), 1.0
        mean = kept[0].mul_(ours.beta1).add_((1 - ours.beta1) * gradient)
        square = kept[1].mul_(ours.beta2).add_((1 - ours.beta2) * gradient**2)
        if not self.corrected:
            return mean, square, 1.0
        step = float(state["step"]) + 1
        return mean / (1 - ours.beta1**step), square, 1 - ours.beta2**step


def _by_hand(inside: bool, corrected: bool) -> Callable[[TorchSide], None]:
    def apply(side: TorchSide) -> None:
        side.update.rule = _ByHand(side, inside, corrected)

    return apply


def _epsilon_before(side: TorchSide) -> None:
    """sqrt(v) + epsilon before the correction is an epsilon that shrinks: epsilon / sqrt(1 - beta2^t)."""
    optimizer: Any = side.trainer.settings.optimizer

    def shrink(learning_rate: float) -> None:
        step = float(side.update.rule.state[side.port.tied[0][1]]["step"]) + 1
        for group in side.update.rule.param_groups:
            group["eps"] = optimizer.epsilon / (1 - optimizer.beta2**step) ** 0.5

    side.update.before.append(shrink)


def _rate(place: str) -> Callable[[TorchSide], None]:
    def apply(side: TorchSide) -> None:
        side.rate_at = lambda step: side.rates(step)[place]

    return apply


def _decay_everywhere(side: TorchSide) -> None:
    for group in side.update.rule.param_groups:
        group["weight_decay"] = side.update.transforms.weight_decay


def _decay_otherwise(decoupled: bool) -> Callable[[TorchSide], None]:
    """Weight decay taken out of PyTorch's hands, and applied to weights or gradients before its step."""

    def apply(side: TorchSide) -> None:
        groups = side.update.rule.param_groups
        amounts = [group["weight_decay"] for group in groups]
        for group in groups:
            group["weight_decay"] = 0.0

        def decay(learning_rate: float) -> None:
            with side.torch.no_grad():
                for group, amount in zip(groups, amounts, strict=True):
                    for parameter in group["params"]:
                        if decoupled:
                            parameter.mul_(1 - learning_rate * amount)
                        else:
                            parameter.grad.add_(parameter, alpha=amount)

        side.update.before.append(decay)

    return apply


def _clip_each(side: TorchSide) -> None:
    def clip(learning_rate: float) -> None:
        for _, parameter in side.port.tied:
            side.torch.nn.utils.clip_grad_norm_([parameter], side.update.transforms.clip_norm)

    side.update.before = [clip if link == side.update.clip else link for link in side.update.before]


def _no_clip(side: TorchSide) -> None:
    side.update.before = [link for link in side.update.before if link != side.update.clip]


def _own_defaults(side: TorchSide) -> None:
    """torch.optim.X(model.parameters(), lr=...) and nothing else, but for a momentum, without which it is another X."""
    for name, parameter in inspect.signature(type(side.update.rule)).parameters.items():
        for group in side.update.rule.param_groups:
            if name in group and name not in ("params", "lr", "momentum", "nesterov"):
                group[name] = parameter.default


def _other_loss(name: str) -> Callable[[TorchSide], None]:
    def apply(side: TorchSide) -> None:
        side.criterion = partial(OTHER_LOSSES[name], side.criterion)

    return apply


def _no_zero_grad(side: TorchSide) -> None:
    side.zeroing = False


def _evaluation_mode(side: TorchSide) -> None:
    side.training = False


def _keras_momentum(side: TorchSide) -> None:
    for module in side.port.model.modules():
        if hasattr(module, "running_mean"):
            module.momentum = 1 - module.momentum


DISCREPANCIES: dict[str, Discrepancy] = {
    "epsilon_inside": Discrepancy("epsilon under the root", _by_hand(True, True), SQUARES),
    "epsilon_before_correction": Discrepancy("epsilon before the bias correction, as in Keras", _epsilon_before, ADAMS),
    "no_bias_correction": Discrepancy("moments not corrected for starting at zero", _by_hand(False, False), ADAMS),
    "schedule_late": Discrepancy("the learning rate of the step before", _rate("late")),
    "schedule_early": Discrepancy("scheduler.step() before optimizer.step()", _rate("early")),
    "no_schedule": Discrepancy("the schedule forgotten", _rate("unscheduled")),
    "decay_everywhere": Discrepancy("decay on biases, gamma and beta too", _decay_everywhere, needs="weight_decay"),
    "decay_decoupled": Discrepancy(
        "weights shrunk directly, as by AdamW", _decay_otherwise(True), needs="weight_decay"
    ),
    "decay_coupled": Discrepancy(
        "decay added to the gradient, as by Adam", _decay_otherwise(False), needs="weight_decay"
    ),
    "clip_each": Discrepancy("each parameter's gradient clipped alone", _clip_each, needs="clip_norm"),
    "no_clip": Discrepancy("gradients not clipped", _no_clip, needs="clip_norm"),
    "torch_defaults": Discrepancy("PyTorch's own hyper-parameters, decay included", _own_defaults),
    "softmax_twice": Discrepancy("a softmax before cross_entropy", _other_loss("softmax_twice")),
    "summed_loss": Discrepancy("the loss summed over the batch, not averaged", _other_loss("summed_loss")),
    "no_zero_grad": Discrepancy("optimizer.zero_grad() forgotten", _no_zero_grad),
    "evaluation_mode": Discrepancy("model.train() forgotten", _evaluation_mode),
    "keras_momentum": Discrepancy("batch normalisation's momentum as in Keras", _keras_momentum),
    "float32": Discrepancy("single precision", dtype="float32"),
    "float64": Discrepancy("double precision", dtype="float64"),
}


def apply_discrepancy(side: TorchSide, name: str) -> None:
    """Bring a side to do as DISCREPANCIES[name] says.

    Raises  UsageError where that would be no other way: another optimizer, or nothing to decay or clip.
    """
    discrepancy, mapping = DISCREPANCIES[name], side.update.mapping
    if discrepancy.rules and mapping.name not in discrepancy.rules:
        rules = ", ".join(rule.rpartition(".")[2].lower() for rule in discrepancy.rules)
        optimizer = type(side.trainer.settings.optimizer).__name__.lower()
        raise UsageError(f"{name} is a way to write {rules}, the optimizer here is {optimizer} (--torch)")
    if discrepancy.needs and not getattr(side.update.transforms, discrepancy.needs):
        raise UsageError(f"{name} makes no difference where {discrepancy.needs} is 0 (--torch, --{discrepancy.needs})")
    discrepancy.apply(side)
