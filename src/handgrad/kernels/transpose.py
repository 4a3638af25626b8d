"""Between the two layouts of a batch: "rows" (N, D), an image after another, and "columns" (D, N), the batch last.

Dense layers multiply rows; convolutions and pools work on columns, where every loop over the batch is contiguous and
so vectorises for any size of window. `shape` holds (D,).
"""

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.packed import transpose


@fast_kernel
def to_columns_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (N, D), y (D, N)"""
    transpose(x, x.size // shape[0], shape[0], y, x.size // shape[0])


@fast_kernel
def to_columns_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, shape[0], dx.size // shape[0], dx, shape[0])


@fast_kernel
def to_rows_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (D, N), y (N, D)"""
    transpose(x, shape[0], x.size // shape[0], y, shape[0])


@fast_kernel
def to_rows_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, dx.size // shape[0], shape[0], dx, dx.size // shape[0])
