"""Adam."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.optim.optimizer import Optimizer, adam_prepare, adam_update
from handgrad.torch_mapping import TorchOptimizer


@dataclass(frozen=True)
class Adam(Optimizer):
    """Momentum over the root of a running mean square, both corrected for starting at zero."""

    prepare, update, vectors = adam_prepare, adam_update, 2
    rule = (
        "m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2\n"
        "w = w - learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
    )
    reference = "Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1"
    differences = (
        "PyTorch: the same. Keras adds epsilon to sqrt(v) before the correction, which makes it larger in the first "
        "steps, and its default is 1e-07."
    )
    torch = TorchOptimizer(
        "torch.optim.Adam", {"betas": ("beta1", "beta2"), "eps": "epsilon"}, states=("exp_avg", "exp_avg_sq")
    )

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.999, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")
