"""Between the two layouts of a batch: "rows" (N, D), an image after another, and "columns" (D, N), the batch last.

Dense layers multiply rows; convolutions and pools work on columns, where every loop over the batch is contiguous and
so vectorises for any size of window. `shape` holds (D,).
"""

from handgrad.kernels.compile import fast_kernel, inline_kernel

TILE = 16  # numbers in a cache line of float32: each line of the source is fetched once


@inline_kernel
def transpose(source, target, rows, columns):
    """target[j, i] = source[i, j].  Shapes  source (rows * columns,), target (columns * rows,)"""
    for start in range(0, columns, TILE):
        stop = min(start + TILE, columns)
        for i in range(rows):
            line, out = source[i * columns + start : i * columns + stop], target[start * rows + i :]
            for j in range(line.size):
                out[j * rows] = line[j]


@fast_kernel
def to_columns_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (N, D), y (D, N)"""
    transpose(x, y, x.size // shape[0], shape[0])


@fast_kernel
def to_columns_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, dx, shape[0], dx.size // shape[0])


@fast_kernel
def to_rows_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (D, N), y (N, D)"""
    transpose(x, y, shape[0], x.size // shape[0])


@fast_kernel
def to_rows_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, dx, dx.size // shape[0], shape[0])
