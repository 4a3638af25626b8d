"""The training loop with PyTorch's arithmetic: everything around a step is the hand-written engine's own."""

import math
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Measure
from handgrad.kernels.program import Batches
from handgrad.kernels.random import subkey
from handgrad.torch_port.optimizers import Update
from handgrad.torch_port.port import Port
from handgrad.training import Trainer
from handgrad.training.divergence import Outputs

Array = NDArray[Any]


class TorchTrainer(Trainer):
    """A Trainer whose steps and measurements are PyTorch's, from our weights, batches, order, masks and rates."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
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
        loss, correct, count = 0.0, 0, batches.order.size
        self.port.push()
        with self.port.torch.inference_mode():
            for start in range(0, count, batches.size):
                x, targets = self.port.batch(batches, batches.order[start : start + batches.size])
                self._last = x, None
                logits = self.port.logits(x)
                loss += float(self.port.criterion(logits, targets)) * len(targets)
                correct += int((logits.argmax(1) == targets).sum())
        return Measure(correct / count, loss / count) if count else Measure(math.nan, math.nan)

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
