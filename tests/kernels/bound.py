"""One layer, called as the compiled driver calls it, so that its kernels can be tested without a network."""

from math import prod

import numpy as np

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.signatures import call_backward, call_forward, kernel_address

SENTINEL = 7.5  # what fills an array before a kernel writes there: a kernel that adds instead of setting is seen


@strict_kernel
def run_forward(address, like, x, y, parameters, buffers, saved, shape, settings, key, training):
    """Through the address, as in a training step."""
    call_forward(address, like, x, y, parameters, buffers, saved, shape, settings, key, training)


@strict_kernel
def run_backward(address, like, dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Through the address, as in a training step."""
    call_backward(address, like, dy, dx, x, y, parameters, dparameters, saved, shape, settings)


class BoundLayer:
    """A layer on batches of `rows` inputs of `shape`, with all the arrays its kernels want; parameters are random."""

    def __init__(self, layer, shape, rows, dtype="float64"):
        self.plan, self.dtype, self.rows = layer.plan(shape), dtype, rows
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
        address = kernel_address(self.plan.kernels[0], "forward", self.dtype)
        run_forward(address, self.x, *arrays, np.uint64(key), training)
        return self.brought_back(self.y, self.plan.output)

    def backward(self, dy, dx_wanted=True):
        """dx, of x's shape; the gradients of the parameters are left in `dparameters`."""
        flat = self.laid_out(dy)
        dx = np.full(self.x.size if dx_wanted else 0, SENTINEL, self.dtype)
        arrays = flat, dx, self.x, self.y, self.parameters, self.dparameters, self.saved, self.sizes, self.settings
        run_backward(kernel_address(self.plan.kernels[1], "backward", self.dtype), self.x, *arrays)
        return self.brought_back(dx, (-1,)) if dx_wanted else dx

    def named(self, vector):
        """The parts of a flat vector of parameters by name."""
        stops = np.cumsum([part.size for part in self.plan.parameters])
        pieces = zip(self.plan.parameters, np.split(vector, stops[:-1]), strict=True) if len(stops) else ()
        return {part.name: piece.reshape(part.shape) for part, piece in pieces}
