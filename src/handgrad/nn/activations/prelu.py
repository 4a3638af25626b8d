"""PReLU."""

from dataclasses import dataclass

from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.kernels.compile import fast_kernel
from handgrad.nn.initializers import Filled
from handgrad.nn.layer import Activation, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule


@fast_kernel
def prelu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x where x > 0, else slope x.  Shapes  x, y (C, any); slope (C,)"""
    each = x.size // parameters.size
    for c in range(parameters.size):
        slope = parameters[c]
        for i in range(c * each, (c + 1) * each):
            y[i] = x[i] if x[i] > 0 else slope * x[i]


@fast_kernel
def prelu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy where x > 0, else slope dy;  dslope = sum of dy x where x <= 0."""
    each, zero = dy.size // parameters.size, dy.dtype.type(0)
    for c in range(parameters.size):
        slope, dslope = parameters[c], zero
        for i in range(c * each, (c + 1) * each):
            dslope += dy[i] * (zero if x[i] > 0 else x[i])
        dparameters[c] = dslope
        if dx.size:
            for i in range(c * each, (c + 1) * each):
                dx[i] = dy[i] if x[i] > 0 else slope * dy[i]


@dataclass(frozen=True)
class Start(Filled):
    """The slope that all begin with, as in the paper and in PyTorch."""

    value = 0.25


@dataclass(frozen=True)
class PReLU(Activation):
    """y = x where x > 0, else slope x; the slope is trained, one for the layer or, `per_channel`, one for each channel.

    Ref     He et al., Delving deep into rectifiers (2015), arXiv 1502.01852
    """

    kernels = prelu_forward, prelu_backward
    aliases = ("parametric_relu",)
    kink = True

    per_channel: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.per_channel, bool):
            raise UsageError(f"per_channel must be true or false, got {self.per_channel} (--layers)")

    def plan(self, shape: Shape) -> Plan:
        """The slopes start at 0.25; they are not penalised, as decay would draw them to a plain ReLU."""
        slope = Parameter("slope", (shape[0] if self.per_channel else 1,), Start())
        return Plan(shape, self.kernels, (slope,), layout="columns" if self.per_channel else None)

    def statement(self, shape: Shape) -> Statement:
        """Of one slope for the layer, the sum runs over all its numbers; else over those of the channel."""
        axes = ["n", *["j", "h", "w"][: len(shape)]]
        place, slope, target = ",".join(axes), "slope[0]", "slope[i]"
        if self.per_channel:
            axes.remove("j")
            slope = target = "slope[j]"
        return Statement(
            f"Y[{place}] = where(X[{place}] > 0, X[{place}], {slope} * X[{place}])",
            f"""
                d{target} = sum(dY[{place}] * where(X[{place}] > 0, 0, X[{place}]), {", ".join(axes)})
                dX[{place}] = dY[{place}] * where(X[{place}] > 0, 1, {slope})
            """,
        )

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Its namesake."""
        arguments = {"num_parameters": shape[0] if self.per_channel else 1}
        return [TorchModule("torch.nn.PReLU", arguments, {"slope": "weight"})]
