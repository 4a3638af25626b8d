"""The training loop with PyTorch's arithmetic: everything around a step is the hand-written engine's own."""

import math
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.evaluation import Measure, class_means
from handgrad.kernels.program import Batches, Optimization
from handgrad.kernels.random import subkey
from handgrad.optim import OPTIMIZERS, GradientTransforms, Optimizer
from handgrad.torch_mapping import arguments_from
from handgrad.torch_port.port import Port, torch_attribute
from handgrad.training import Trainer
from handgrad.training.trainer import Outputs

Array = NDArray[Any]


class Update:
    """One of torch.optim's optimizers on a port's parameters, after our gradient transforms.

    Its state is views of `optimization`'s vectors: preset, so that PyTorch does not make its own, and kept by it,
    since it changes state in place. A checkpoint of ours therefore holds it.
    """

    def __init__(
        self, port: Port, optimizer: Optimizer, transforms: GradientTransforms, optimization: Optimization
    ) -> None:
        if optimizer.torch is None:
            known = ", ".join(name for name, each in OPTIMIZERS.items() if each.torch)
            raise UsageError(
                f"PyTorch has no optimizer {type(optimizer).__name__.lower()}: choose one of {known}, "
                "or --backend handgrad (--optimizer)"
            )
        self.port, self.transforms, self.optimization, self.mapping = port, transforms, optimization, optimizer.torch
        self.states = port.shared(optimization.states)
        self.rule = self._rule(optimizer)
        self.before: list[Callable[[float], None]] = [self.clip, self.add_l1]  # what is done to gradients first
        size = port.parameters.numel()
        for place, parameter in port.tied:
            for k, name in enumerate(self.mapping.states):
                self.rule.state[parameter][name] = place.view(self.states[k * size : (k + 1) * size])

    def _rule(self, optimizer: Optimizer) -> Any:
        """PyTorch's optimizer with two groups of parameters: weights decay, biases, gamma and beta do not."""
        groups = []
        for penalised, decay in ((True, self.transforms.weight_decay), (False, 0.0)):
            chosen = [parameter for place, parameter in self.port.tied if place.slot.part.penalised == penalised]
            groups += [{"params": chosen, "weight_decay": decay}] if chosen else []
        rule_type = torch_attribute(self.mapping.name)
        return rule_type(groups, lr=optimizer.learning_rate, **arguments_from(optimizer, self.mapping.arguments))

    def push(self, step: int) -> None:
        """Bring our state to PyTorch: the vectors to the device, the scalars and the number of steps made to each."""
        torch = self.port.torch
        if self.port.apart:
            self.states.copy_(torch.from_numpy(self.optimization.states))
        for _, parameter in self.port.tied:
            state = self.rule.state[parameter]
            state["step"] = torch.tensor(float(step))
            for name, value in zip(self.mapping.memory, self.optimization.memory, strict=True):
                state[name] = torch.tensor(value, dtype=torch.float64)

    def pull(self) -> None:
        if self.port.apart:
            self.optimization.states[:] = self.states.cpu().numpy()
        state = self.rule.state[self.port.tied[0][1]]
        self.optimization.memory[:] = [float(state[name]) for name in self.mapping.memory]

    def __call__(self, learning_rate: float, measure: bool) -> float:
        """One update from the gradients as they stand; returns their norm where it is wanted, else NaN."""
        norm = float(self.port.torch.linalg.vector_norm(self.port.gradients)) if measure else float("nan")
        for transform in self.before:
            transform(learning_rate)
        for group in self.rule.param_groups:
            group["lr"] = learning_rate
        self.rule.step()
        return norm

    def clip(self, learning_rate: float) -> None:
        """Shorten the gradient of all parameters together."""
        if self.transforms.clip_norm:
            parameters = [parameter for _, parameter in self.port.tied]
            self.port.torch.nn.utils.clip_grad_norm_(parameters, self.transforms.clip_norm)

    def add_l1(self, learning_rate: float) -> None:
        """The gradient of the L1 penalty, which no optimizer of PyTorch's has."""
        if self.transforms.l1:
            for place, parameter in self.port.tied:
                if place.slot.part.penalised:
                    parameter.grad.add_(parameter.detach().sign(), alpha=self.transforms.l1)


class TorchTrainer(Trainer):
    """A Trainer whose steps and measurements are PyTorch's, from our weights, batches, order, masks and rates."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.threads = 1  # of our engine: PyTorch has its own
        self.port = Port(self.network, self.device)
        self.update = Update(self.port, self.settings.optimizer, self.settings.transforms, self.optimization)
        self._last: tuple[Any, int | None] = (None, None)  # images and key of the latest batch

    def environment(self) -> dict[str, Any]:
        """With PyTorch's version, and what else its last bits depend on."""
        torch, device = self.port.torch, self.port.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        more = {"torch": version("torch"), "torch_threads": torch.get_num_threads(), "torch_device": name}
        return super().environment() | more

    def measure(self, images: Array, labels: Array, rows: Array | None = None) -> Measure:
        """As `evaluation.measure`, computed by PyTorch."""
        batches = self.network.batches(images, labels, rows)
        loss, count, predicted = 0.0, batches.order.size, [np.empty(0, np.int64)]
        self.port.push()
        with self.port.torch.inference_mode():
            for start in range(0, count, batches.size):
                x, targets = self.port.batch(batches, batches.order[start : start + batches.size])
                self._last = x, None
                logits = self.port.logits(x)
                loss += float(self.port.criterion(logits, targets)) * len(targets)
                predicted.append(logits.argmax(1).cpu().numpy())
        if not count:
            return Measure()
        found, true = np.concatenate(predicted), batches.labels[batches.order]
        return Measure(float(np.mean(found == true)), loss / count, *class_means(true, found, self.network.classes))

    def _steps(self, batches: Batches, start: int, rates: Array, records: Array) -> int:
        """Denormal numbers are flushed to zero for as long as the steps last, as our own engine does."""
        torch, done = self.port.torch, 0
        self.port.push()
        self.update.push(self.step)
        torch.set_flush_denormal(True)
        try:
            for rate in rates:
                rows = batches.order[start + done * batches.size :][: batches.size]
                step = self.step + done + 1
                key = int(subkey(batches.key, step))
                x, labels = self.port.batch(batches, rows, key)
                self._last = x, key
                loss, correct = self.port.loss_and_gradients(x, labels, key)
                records[done] = loss, correct, np.nan
                done += 1
                if not math.isfinite(loss):
                    break
                records[done - 1, 2] = self.update(float(rate), step % self.settings.log_every == 0)
        finally:
            torch.set_flush_denormal(False)
        self.update.pull()
        self.port.pull()
        return done

    def _outputs(self, rows: int) -> Outputs:
        """Computed once more from the last batch."""
        x, key = self._last
        with self.port.torch.inference_mode():
            yield from ((layer, output.cpu().numpy()) for layer, output in self.port.outputs(x, key))
