"""AdamW: Adam with decoupled weight decay."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.optim.optimizer import Optimizer, adam_prepare, adam_update
from handgrad.torch_mapping import TorchOptimizer


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam whose weight decay shrinks the weights directly instead of entering the moments."""

    prepare, update, vectors, decoupled = adam_prepare, adam_update, 2, True
    rule = (
        "m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2\n"
        "w = w - learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
    )
    reference = "Loshchilov & Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 2"
    differences = "PyTorch: the same, but its weight_decay is 0.01 unless set (here 0) and applies to biases too."
    torch = TorchOptimizer(
        "torch.optim.AdamW", {"betas": ("beta1", "beta2"), "eps": "epsilon"}, states=("exp_avg", "exp_avg_sq")
    )

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.999, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")
