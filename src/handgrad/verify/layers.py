"""Single layers in plain NumPy with their gradients, and what known mistakes make of them.

A layer takes its inputs by name, "x" and parameters, and gives the output or, with "dout", a gradient for each of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import ACTIVATIONS, Loss, Net, Pass, Place
from handgrad.verify.mistakes import BACKWARD

Array = NDArray[Any]
Named = Mapping[str, Array]
EPSILONS = (1e-5, 1e-8, 1e-7, 1e-6, 1e-3)
ROWS, INPUTS, UNITS = 6, 5, 4


class Wrong(NamedTuple):
    """A mistake: its name and sentence, and the numbers that it gives in the place of the right ones."""

    name: str
    words: str
    numbers: Callable[[Any], Any]


class LayerType(NamedTuple):
    """A layer: which names it goes by, inputs to try it with, its two passes, and mistakes in each.

    `forward` takes the inputs; `backward` the inputs with "dout" and, from `options`, a setting that fits forward.
    """

    names: str
    inputs: Callable[[np.random.Generator], dict[str, Array]]
    forward: Callable[..., Array]
    backward: Callable[..., dict[str, Array]]
    options: Sequence[Any] = (None,)
    forward_mistakes: Sequence[Wrong] = ()
    backward_mistakes: Sequence[Wrong] = ()


def _affine_inputs(g: np.random.Generator) -> dict[str, Array]:
    return {"x": g.normal(size=(ROWS, INPUTS)), "w": g.normal(size=(INPUTS, UNITS)), "b": g.normal(size=UNITS)}


def _affine_backward(v: Any, _: Any = None) -> dict[str, Array]:
    return {"x": v["dout"] @ v["w"].T, "w": v["x"].T @ v["dout"], "b": v["dout"].sum(0)}


AFFINE = LayerType(
    "affine|linear|dense|fc|fully_?connected",
    _affine_inputs,
    lambda v, _=None: v["x"] @ v["w"] + v["b"],
    _affine_backward,
    forward_mistakes=(
        Wrong("bias missing", "the bias is not added", lambda v: v["x"] @ v["w"]),
        Wrong("bias twice", "the bias is added twice", lambda v: v["x"] @ v["w"] + 2 * v["b"]),
        Wrong("bias subtracted", "the bias is subtracted", lambda v: v["x"] @ v["w"] - v["b"]),
    ),
    backward_mistakes=(
        Wrong("bias not summed", "db is not summed over the batch", lambda v: {"b": v["dout"]}),
        Wrong("bias not summed", "db is the first image's", lambda v: {"b": v["dout"][0]}),
        Wrong("bias not summed", "db is the last image's", lambda v: {"b": v["dout"][-1]}),
        Wrong("bias summed over all", "db is one number", lambda v: {"b": np.full(UNITS, v["dout"].sum())}),
        Wrong("bias summed over the wrong axis", "db is summed over units", lambda v: {"b": v["dout"].sum(1)}),
        Wrong("dW transposed", "dW is the transpose of W's shape", lambda v: {"w": (v["x"].T @ v["dout"]).T}),
        Wrong("W missing", "dx is dout itself", lambda v: {"x": v["dout"]}),
    ),
)


NAMES = {
    "leaky_relu": "leaky_?relu|lrelu",
    "relu": "(?<!leaky)(?<!leaky_)(?<!l)relu",
    "elu": "(?<![a-z])elu",
    "silu": "silu|swish",
    "identity": "identity",
}


def _activation(name: str) -> LayerType:
    f = ACTIVATIONS[name]

    def place(v: Any) -> Place:
        a = f.value(v["x"])
        net = Net([np.eye(INPUTS)] * 2, [np.zeros(INPUTS)] * 2, name, "identity")
        return Place(0, net, Pass([v["x"], a], [v["x"], a], a), a, Loss("", ""), {})

    wrong = [
        Wrong(m.name, m.words, lambda v, m=m: {"x": v["dout"] * m.change(f.slope(v["x"], f.value(v["x"])), place(v))})  # type: ignore[misc]
        for m in BACKWARD
        if m.hook == "slope" and m.name != "shared cache"
    ]
    wrong.append(Wrong("gradient missing", "the upstream gradient is not multiplied in",
                       lambda v: {"x": f.slope(v["x"], f.value(v["x"]))}))  # fmt: skip
    return LayerType(
        NAMES.get(name.partition("(")[0], name),
        lambda g: {"x": g.normal(size=(ROWS, INPUTS))},
        lambda v, _=None: f.value(v["x"]),
        lambda v, _=None: {"x": v["dout"] * f.slope(v["x"], f.value(v["x"]))},
        forward_mistakes=(
            Wrong("activation of -z", "the sign of z is reversed", lambda v: f.value(-v["x"])),
            Wrong("wrong function", "tanh(z / 2) or a sigmoid scaled wrongly", lambda v: np.tanh(v["x"] / 2)),
            Wrong("absolute value", "it computes |z|", lambda v: np.abs(v["x"])),
            Wrong("clipped", "it is cut off at 1", lambda v: np.clip(v["x"], 0, 1)),
        ),
        backward_mistakes=tuple(wrong),
    )


def _statistics(v: Any, epsilon: float, axis: int = 0) -> tuple[Array, Array]:
    x = v["x"]
    std = np.sqrt(x.var(axis, keepdims=True) + epsilon)
    return (x - x.mean(axis, keepdims=True)) / std, std


def _scaled(xhat: Array, v: Any) -> Array:
    return np.asarray(xhat * v["gamma"] + v["beta"])


def _norm_backward(v: Any, epsilon: float, axis: int = 0) -> dict[str, Array]:
    xhat, std = _statistics(v, epsilon, axis)
    d = v["dout"] * v["gamma"]
    dx = (d - d.mean(axis, keepdims=True) - xhat * (d * xhat).mean(axis, keepdims=True)) / std
    return {"x": dx, "gamma": (v["dout"] * xhat).sum(0), "beta": v["dout"].sum(0)}


def _norm_wrong(axis: int) -> tuple[Wrong, ...]:
    def part(which: str) -> Callable[[Any], Any]:
        def numbers(v: Any) -> Any:
            xhat, std = _statistics(v, v["option"], axis)
            d = v["dout"] * v["gamma"]
            mean = d.mean(axis, keepdims=True) * (which == "mean")
            var = xhat * (d * xhat).mean(axis, keepdims=True) * (which == "variance")
            return {"x": (d - mean - var) / std}

        return numbers

    return (
        Wrong("batch-norm statistics", "mean and variance are taken for constants in dx", part("")),
        Wrong("batch-norm statistics", "the path through the variance is missing in dx", part("mean")),
        Wrong("batch-norm statistics", "the path through the mean is missing in dx", part("variance")),
        Wrong("gamma missing", "gamma is not multiplied in on the way to dx",
              lambda v: {"x": _norm_backward({**v, "gamma": np.ones_like(v["gamma"])}, v["option"], axis)["x"]}),
        Wrong("wrong input in dgamma", "dgamma is formed with x, not with the normalised x",
              lambda v: {"gamma": (v["dout"] * v["x"]).sum(0)}),
        Wrong("wrong input in dgamma", "dgamma is formed with the output",
              lambda v: {"gamma": (v["dout"] * _scaled(_statistics(v, v["option"], axis)[0], v)).sum(0)}),
        Wrong("bias not summed", "dbeta is not summed over the batch", lambda v: {"beta": v["dout"]}),
        Wrong("gamma missing", "dgamma is dbeta", lambda v: {"gamma": v["dout"].sum(0)}),
    )  # fmt: skip


def _norm_forward_wrong(axis: int) -> tuple[Wrong, ...]:
    def scaled(numbers: Callable[[Any], Array]) -> Callable[[Any], Array]:
        return lambda v: numbers(v) * v["gamma"] + v["beta"]

    def centred(v: Any) -> Array:
        return np.asarray(v["x"] - v["x"].mean(axis, keepdims=True))

    return (
        Wrong("batch-norm statistics", "the variance is divided by N - 1",
              scaled(lambda v: centred(v) / np.sqrt(v["x"].var(axis, ddof=1, keepdims=True) + v["option"]))),
        Wrong("batch-norm statistics", "x is divided by the variance, not by its root",
              scaled(lambda v: centred(v) / (v["x"].var(axis, keepdims=True) + v["option"]))),
        Wrong("batch-norm statistics", "mean and variance are taken along the wrong axis",
              scaled(lambda v: _statistics(v, v["option"], 1 - axis)[0])),
        Wrong("batch-norm statistics", "the mean is not subtracted",
              scaled(lambda v: v["x"] / np.sqrt(v["x"].var(axis, keepdims=True) + v["option"]))),
        Wrong("batch-norm statistics", "x passes as it is", scaled(lambda v: v["x"])),
        Wrong("epsilon outside the root", "epsilon is added to the root, not under it",
              scaled(lambda v: centred(v) / (np.sqrt(v["x"].var(axis, keepdims=True)) + v["option"]))),
        Wrong("gamma missing", "gamma is not applied", lambda v: _statistics(v, v["option"], axis)[0] + v["beta"]),
        Wrong("beta missing", "beta is not added", lambda v: _statistics(v, v["option"], axis)[0] * v["gamma"]),
    )  # fmt: skip


def _norm(names: str, axis: int) -> LayerType:
    def inputs(g: np.random.Generator) -> dict[str, Array]:
        return {"x": g.normal(0.5, 2, (ROWS, INPUTS)), "gamma": g.normal(size=INPUTS), "beta": g.normal(size=INPUTS)}

    return LayerType(
        names,
        inputs,
        lambda v, e=1e-5: _scaled(_statistics(v, e, axis)[0], v),
        lambda v, e=1e-5: _norm_backward(v, e, axis),
        EPSILONS,
        _norm_forward_wrong(axis),
        _norm_wrong(axis),
    )


def _windows(x: Array, height: int, width: int, stride: int) -> Array:
    """Shapes  x (N, C, H, W) -> (N, C, H', W', height, width)"""
    return np.lib.stride_tricks.sliding_window_view(x, (height, width), (2, 3))[:, :, ::stride, ::stride]


def _padded(x: Array, pad: int) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))


def _conv(v: Any, option: tuple[int, int] = (1, 0)) -> Array:
    stride, pad = option
    found = np.einsum(
        "nchwij,fcij->nfhw", _windows(_padded(v["x"], pad), v["w"].shape[2], v["w"].shape[3], stride), v["w"]
    )
    return np.asarray(found + v["b"][:, None, None])


def _conv_backward(v: Any, option: tuple[int, int] = (1, 0)) -> dict[str, Array]:
    stride, pad = option
    x, w, dout = _padded(v["x"], pad), v["w"], v["dout"]
    dw = np.einsum("nchwij,nfhw->fcij", _windows(x, w.shape[2], w.shape[3], stride), dout)
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            part = dx[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
            part += np.einsum("nf,fcij->ncij", dout[:, :, i, j], w)
    height, width = v["x"].shape[2:]
    return {"x": dx[:, :, pad : pad + height, pad : pad + width], "w": dw, "b": dout.sum((0, 2, 3))}


def _last_pixel(dout: Array) -> Array:
    found = np.zeros_like(dout)
    found[..., -1, -1] = dout[..., -1, -1]
    return found


def _flipped(v: Any) -> dict[str, Array]:
    return {**v, "w": v["w"][:, :, ::-1, ::-1]}


CONV = LayerType(
    "conv",
    lambda g: {"x": g.normal(size=(2, 3, 6, 6)), "w": g.normal(size=(4, 3, 3, 3)), "b": g.normal(size=4)},
    _conv,
    _conv_backward,
    ((1, 0), (1, 1), (2, 1), (2, 0)),
    (
        Wrong("bias missing", "the bias is not added", lambda v: _conv({**v, "b": 0 * v["b"]}, v["option"])),
        Wrong("kernel flipped", "the kernel is turned by 180°", lambda v: _conv(_flipped(v), v["option"])),
    ),
    (
        Wrong("kernel flipped", "dx uses the kernel turned by 180°",
              lambda v: {"x": _conv_backward(_flipped(v), v["option"])["x"]}),
        Wrong("kernel flipped", "dW is turned by 180°",
              lambda v: {"w": _conv_backward(v, v["option"])["w"][:, :, ::-1, ::-1]}),
        Wrong("bias not summed", "db is summed over the batch alone", lambda v: {"b": v["dout"].sum(0)}),
        Wrong("bias not summed", "db is summed over the pixels alone", lambda v: {"b": v["dout"].sum((2, 3))}),
        Wrong("bias summed over all", "db is one number", lambda v: {"b": np.full(4, v["dout"].sum())}),
        Wrong("last image only", "dW is overwritten by each pixel: only the last one counts",
              lambda v: {"w": _conv_backward({**v, "dout": _last_pixel(v["dout"])}, v["option"])["w"]}),
    ),
)  # fmt: skip


def _pool(v: Any, option: tuple[int, int] = (2, 2)) -> Array:
    return np.asarray(_windows(v["x"], option[0], option[0], option[1]).max((-1, -2)))


def _pool_backward(v: Any, option: tuple[int, int] = (2, 2), how: str = "max") -> dict[str, Array]:
    size, stride = option
    dx = np.zeros_like(v["x"])
    for i in range(v["dout"].shape[2]):
        for j in range(v["dout"].shape[3]):
            rows, columns = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
            part = v["x"][:, :, rows, columns]
            share = part == part.max((2, 3), keepdims=True) if how == "max" else np.full(part.shape, 1.0)
            dx[:, :, rows, columns] += share / (size * size if how == "mean" else 1) * v["dout"][:, :, i, j, None, None]
    return {"x": dx}


POOL = LayerType(
    "max_?pool",
    lambda g: {"x": g.normal(size=(2, 3, 6, 6))},
    _pool,
    _pool_backward,
    ((2, 2), (2, 1), (3, 3), (3, 1)),
    (
        Wrong("mean for max", "the mean is taken, not the maximum",
              lambda v: _windows(v["x"], v["option"][0], v["option"][0], v["option"][1]).mean((-1, -2))),
        Wrong("min for max", "the minimum is taken",
              lambda v: _windows(v["x"], v["option"][0], v["option"][0], v["option"][1]).min((-1, -2))),
    ),
    (
        Wrong("mean for max", "the gradient is spread over the window",
              lambda v: _pool_backward(v, v["option"], "mean")),
        Wrong("mask missing", "every pixel of the window gets the whole gradient",
              lambda v: _pool_backward(v, v["option"], "all")),
    ),
)  # fmt: skip

LAYERS: dict[str, LayerType] = {
    "batch norm": _norm(r"batch_?norm|^bn|spatial_bn", 0),
    "layer norm": _norm(r"layer_?norm|^ln", 1),
    "max pooling": POOL,
    "convolution": CONV,
    "affine": AFFINE,
    **{
        name: _activation(name)
        for name in ("leaky_relu(0.01)", "leaky_relu(0.1)", "leaky_relu(0.2)", "relu", "sigmoid", "tanh", "elu", "gelu",
                     "silu", "softplus", "identity")
    },
}  # fmt: skip
