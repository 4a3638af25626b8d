"""One layer, called as the compiled driver calls it, so that its kernels can be tested without a network."""

import functools
from math import prod

import numpy as np
from numba.core import config
from tests import naive
from tests.rounding import assert_close, deviations, terms_of

from handgrad.kernels.compile import kernel_address, strict_kernel
from handgrad.kernels.dispatch import call_backward, call_backward_share, call_forward, call_forward_share

CALLS = {
    "forward": call_forward,
    "backward": call_backward,
    "forward_share": call_forward_share,
    "backward_share": call_backward_share,
}
SENTINEL = 7.5  # what fills an array before a kernel writes there: a kernel that adds instead of setting is seen


def through_address(call):
    """A compiled function that calls a kernel as a training step does."""
    return strict_kernel(lambda address, like, arrays: call(address, like, *arrays))


RUN = {role: through_address(call) for role, call in CALLS.items()}


class BoundLayer:
    """A layer on batches of `rows` inputs of `shape`, with all the arrays its kernels want; parameters are random."""

    def __init__(self, layer, shape, rows, dtype="float64"):
        self.layer, self.shape, self.rows, self.dtype = layer, shape, rows, dtype
        self.plan = layer.plan(shape)
        generator = np.random.default_rng(5)
        self.parameters = generator.normal(1.0, 0.5, sum(part.size for part in self.plan.parameters)).astype(dtype)
        self.dparameters = np.full_like(self.parameters, SENTINEL)
        self.buffers = np.concatenate([np.full(b.size, b.value) for b in self.plan.buffers] or [[]]).astype(dtype)
        self.saved = np.full(self.plan.saved + rows * self.plan.saved_per_image, SENTINEL, dtype)
        self.sizes = np.array(self.plan.sizes, np.int64)
        self.settings = np.array(self.plan.settings, dtype)
        self.x = self.y = np.empty(0, dtype)

    def laid_out(self, batch):
        """A batch (rows, ...) as the flat vector that the layer's kernels take: with "columns", the batch axis last."""
        rows = np.asarray(batch, self.dtype).reshape(self.rows, -1)
        return np.ascontiguousarray(rows.T if self.plan.layout == "columns" else rows).reshape(-1)

    def brought_back(self, flat, shape):
        """The batch (rows, *shape) of such a flat vector."""
        batch = flat.reshape(-1, self.rows).T if self.plan.layout == "columns" else flat
        return batch.reshape(self.rows, *shape)

    def forward(self, x, training=True, key=0):
        """Shapes  x (rows, *shape) -> (rows, *output)"""
        self.x = self.laid_out(x)
        self.y = np.full(self.rows * prod(self.plan.output), SENTINEL, self.dtype)
        arrays = self.x, self.y, self.parameters, self.buffers, self.saved, self.sizes, self.settings
        self._call("forward", *arrays, np.uint64(key), training)
        return self.brought_back(self.y, self.plan.output)

    def backward(self, dy, dx_wanted=True):
        """dx, of x's shape; the gradients of the parameters are left in `dparameters`."""
        flat = self.laid_out(dy)
        dx = np.full(self.x.size if dx_wanted else 0, SENTINEL, self.dtype)
        arrays = flat, dx, self.x, self.y, self.parameters, self.dparameters, self.saved, self.sizes, self.settings
        self._call("backward", *arrays)
        return self.brought_back(dx, (-1,)) if dx_wanted else dx

    def _call(self, role, *arrays):
        """The compiled kernel; with NUMBA_DISABLE_JIT=1 the Python that it is written in, which needs no compiling."""
        kernel = self.plan.kernels[("forward", "backward").index(role)]
        if self.plan.shared:
            role, arrays = f"{role}_share", (*arrays, (0, 1))
        if config.DISABLE_JIT:
            kernel(*arrays)
        else:
            RUN[role](kernel_address(kernel, role, self.dtype), self.x, arrays)

    def passes(self, x, dy, training=True, key=0):
        """Both passes: y, dx, and the gradient of each parameter as "dweight", from the buffers as they are."""
        start = self.buffers.copy()
        y, dx = self.forward(x, training, key), self.backward(dy).reshape(np.shape(x))
        gradients = {f"d{name}": value.copy() for name, value in self.named(self.dparameters).items()}
        self.buffers[:] = start
        return {"y": y, "dx": dx, **gradients}

    def rounding(self, x, dy, **mode):
        """How far `passes` may be off by rounding, by the name of each array."""
        exact = BoundLayer(self.layer, self.shape, self.rows)
        exact.buffers[:] = self.buffers

        def compute(x, dy, parameters):
            exact.parameters[:] = parameters
            return exact.passes(x, dy, **mode)

        inputs = [np.asarray(array, float) for array in (x, dy, self.parameters)]
        return deviations(compute, inputs, terms_of(self.plan, self.shape, self.rows), self.dtype)

    def check(self, x, dy, expected, **mode):
        """Hold what `passes` gives, by the names in `expected`, against it; a failure names the layer and the array."""
        found, allowed = self.passes(x, dy, **mode), self.rounding(x, dy, **mode)
        for name, value in expected.items():
            assert found[name].dtype == self.dtype
            assert_close(found[name], value, allowed[name], f"{type(self.layer).__name__}: {name}")

    def named(self, vector):
        """The parts of a flat vector of parameters by name."""
        stops = np.cumsum([part.size for part in self.plan.parameters])
        pieces = zip(self.plan.parameters, np.split(vector, stops[:-1]), strict=True) if len(stops) else ()
        return {part.name: piece.reshape(part.shape) for part, piece in pieces}


def assert_as(oracle, layer, x, dy, dtype):
    """Both passes of a layer against `oracle(x, **parameters)`, the naive layer."""
    bound, exact = BoundLayer(layer, x.shape[1:], len(x), dtype), x.astype(float)
    values = {name: value.astype(float) for name, value in bound.named(bound.parameters).items()}
    expected = {"y": oracle(exact, **values)}
    for name, value in values.items():
        moved = functools.partial(lambda value, name: oracle(exact, **values | {name: value}), name=name)
        expected[f"d{name}"] = naive.pulled_back(moved, value, dy)
    bound.check(x, dy, expected | {"dx": naive.pulled_back(lambda x: oracle(x, **values), exact, dy)})
