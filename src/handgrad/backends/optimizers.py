"""The optimizers in PyTorch, their state in our vectors."""

from collections.abc import Callable
from typing import Any, NamedTuple

from handgrad.backends.twin import Twin
from handgrad.errors import UsageError
from handgrad.kernels.program import Optimization
from handgrad.optim import NAG, SGD, Adagrad, Adam, AdamW, Links, Momentum, NAdam, Optimizer, RMSprop


class Counterpart(NamedTuple):
    """A class of torch.optim, its arguments made from ours, and the names of its state: vectors, then scalars."""

    kind: str
    arguments: Callable[[Any], dict[str, Any]]
    states: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()


def _moments(optimizer: Any) -> dict[str, Any]:
    return {"betas": (optimizer.beta1, optimizer.beta2), "eps": optimizer.epsilon}


COUNTERPARTS: dict[type[Optimizer], Counterpart] = {
    SGD: Counterpart("SGD", lambda ours: {}),
    Momentum: Counterpart("SGD", lambda ours: {"momentum": ours.momentum}, ("momentum_buffer",)),
    # PyTorch refuses Nesterov without a momentum, where it is plain descent.
    NAG: Counterpart(
        "SGD", lambda ours: {"momentum": ours.momentum, "nesterov": ours.momentum > 0}, ("momentum_buffer",)
    ),
    RMSprop: Counterpart("RMSprop", lambda ours: {"alpha": ours.beta, "eps": ours.epsilon}, ("square_avg",)),
    Adam: Counterpart("Adam", _moments, ("exp_avg", "exp_avg_sq")),
    AdamW: Counterpart("AdamW", _moments, ("exp_avg", "exp_avg_sq")),
    NAdam: Counterpart(
        "NAdam",
        lambda ours: _moments(ours) | {"momentum_decay": ours.momentum_decay},
        ("exp_avg", "exp_avg_sq"),
        ("mu_product",),
    ),
    Adagrad: Counterpart("Adagrad", lambda ours: {"eps": ours.epsilon}, ("sum",)),
}


class Update:
    """One of torch.optim's optimizers on a twin's parameters, with our links before it.

    Its state is views of `optimization`'s vectors: preset, so that PyTorch does not make its own, and kept by it,
    since it changes state in place. A checkpoint of ours therefore holds it.
    """

    def __init__(self, twin: Twin, optimizer: Optimizer, links: Links, optimization: Optimization) -> None:
        if type(optimizer) not in COUNTERPARTS:
            known = ", ".join(sorted(kind.__name__.lower() for kind in COUNTERPARTS))
            raise UsageError(
                f"PyTorch has no optimizer {type(optimizer).__name__.lower()}: choose one of {known}, "
                "or --backend handgrad (--optimizer)"
            )
        self.twin, self.links, self.optimization = twin, links, optimization
        self.counterpart = COUNTERPARTS[type(optimizer)]
        self.states = twin.shared(optimization.states)
        self.rule = self._rule(optimizer)
        self.before: list[Callable[[float], None]] = [self.clip, self.add_l1]  # what is done to gradients first
        self._tie()

    def _rule(self, optimizer: Optimizer) -> Any:
        """PyTorch's optimizer with two groups of parameters: weights decay, biases, gamma and beta do not."""
        groups = []
        for penalised, decay in ((True, self.links.weight_decay), (False, 0.0)):
            chosen = [parameter for place, parameter in self.twin.tied if place.slot.part.penalised == penalised]
            groups += [{"params": chosen, "weight_decay": decay}] if chosen else []
        kind = getattr(self.twin.torch.optim, self.counterpart.kind)
        return kind(groups, lr=optimizer.learning_rate, **self.counterpart.arguments(optimizer))

    def _tie(self) -> None:
        size = self.twin.parameters.numel()
        for place, parameter in self.twin.tied:
            for k, name in enumerate(self.counterpart.states):
                self.rule.state[parameter][name] = place.view(self.states[k * size : (k + 1) * size])

    def push(self, step: int) -> None:
        """Bring our state to PyTorch: the vectors to the device, the scalars and the number of steps made to each."""
        torch = self.twin.torch
        if self.twin.apart:
            self.states.copy_(torch.from_numpy(self.optimization.states))
        for _, parameter in self.twin.tied:
            state = self.rule.state[parameter]
            state["step"] = torch.tensor(float(step))
            for name, value in zip(self.counterpart.memory, self.optimization.memory, strict=True):
                state[name] = torch.tensor(value, dtype=torch.float64)

    def pull(self) -> None:
        """Bring PyTorch's state back."""
        if self.twin.apart:
            self.optimization.states[:] = self.states.cpu().numpy()
        state = self.rule.state[self.twin.tied[0][1]]
        self.optimization.memory[:] = [float(state[name]) for name in self.counterpart.memory]

    def __call__(self, learning_rate: float, measure: bool) -> float:
        """One update from the gradients as they stand; returns their norm where it is wanted, else NaN."""
        norm = float(self.twin.torch.linalg.vector_norm(self.twin.gradients)) if measure else float("nan")
        for link in self.before:
            link(learning_rate)
        for group in self.rule.param_groups:
            group["lr"] = learning_rate
        self.rule.step()
        return norm

    def clip(self, learning_rate: float) -> None:
        """Shorten the gradient of all parameters together."""
        if self.links.clip_norm:
            parameters = [parameter for _, parameter in self.twin.tied]
            self.twin.torch.nn.utils.clip_grad_norm_(parameters, self.links.clip_norm)

    def add_l1(self, learning_rate: float) -> None:
        """The gradient of the L1 penalty, which no optimizer of PyTorch's has."""
        if self.links.l1:
            for place, parameter in self.twin.tied:
                if place.slot.part.penalised:
                    parameter.grad.add_(parameter.detach().sign(), alpha=self.links.l1)
