"""What is done to a gradient before the optimizer sees it: clipping, penalties, weight decay."""

from dataclasses import dataclass

from handgrad.errors import bounded, check_bounds


@dataclass(frozen=True)
class GradientTransforms:
    """Applied in this order to weights; biases, gamma and beta are exempt from all but clipping.

    Math    g = g min(1, clip_norm / |g|), the norm over all parameters;  g = g + l1 sign(w) + weight_decay w
            so that l1 sum |w| + weight_decay/2 sum w^2 is added to the objective; with a decoupled optimizer (adamw)
            weight_decay acts as w = w (1 - learning_rate weight_decay) instead
    """

    clip_norm: float = bounded(0.0, "[0, inf)")
    l1: float = bounded(0.0, "[0, inf)")
    weight_decay: float = bounded(0.0, "[0, inf)")

    def __post_init__(self) -> None:
        check_bounds(self)

    def numbers(self, decoupled: bool) -> tuple[float, float, float, float]:
        """(clip_norm, l1, l2, decay) as the driver takes them."""
        coupled, apart = (0.0, self.weight_decay) if decoupled else (self.weight_decay, 0.0)
        return self.clip_norm, self.l1, coupled, apart

    def objective(self, decoupled: bool = False) -> str:
        """What is minimised, L being the loss and w all penalised weights in one vector."""
        _, l1, coupled, _ = self.numbers(decoupled)
        terms = ["l1 * sum(abs(w[i]), i)"] if l1 else []
        terms += ["weight_decay / 2 * sum(w[i]^2, i)"] if coupled else []
        return f"J = {' + '.join(['L', *terms])}"

    def rule(self, penalised: bool = True, decoupled: bool = False) -> str:
        """The lines, in the language of `handgrad.equations`, from dw to the g that the optimizer is given.

        w are the weights of one parameter, G is the gradient of all of them.
        """
        _, l1, coupled, apart = self.numbers(decoupled)
        clipped = "c = min(1, clip_norm / (norm(G) + 1e-6));" if self.clip_norm else ""
        terms = ["c * dw" if self.clip_norm else "dw"]
        terms += ["l1 * sign(w)"] if penalised and l1 else []
        terms += ["weight_decay * w"] if penalised and coupled else []
        decayed = "; w = w - learning_rate * weight_decay * w" if penalised and apart else ""
        return f"{clipped} g = {' + '.join(terms)}{decayed}"
