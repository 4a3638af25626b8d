"""The fully connected layer, y = x W + b.  `shape` holds (inputs, outputs); parameters are W row by row, then b."""

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.matmul import matmul, matmul_transposed_a, matmul_transposed_b


@fast_kernel
def dense_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x W + b.

    Shapes  x (N, I), W (I, O), b (O,), y (N, O)
    """
    inputs, outputs = shape[0], shape[1]
    rows = x.size // inputs
    bias = parameters[inputs * outputs :]
    matmul(rows, outputs, inputs, x, parameters, y)
    for n in range(rows):
        for j in range(outputs):
            y[n * outputs + j] += bias[j]


@fast_kernel
def dense_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients of the loss with respect to W, b and x.

    Shapes  as `dense_forward`; each gradient has its variable's shape
    Math    dW = x^T dy;  db = sum_n dy[n];  dx = dy W^T
    """
    inputs, outputs = shape[0], shape[1]
    rows = dy.size // outputs
    dbias = dparameters[inputs * outputs :]
    matmul_transposed_a(inputs, outputs, rows, x, dy, dparameters)
    dbias[:] = 0
    for n in range(rows):
        for j in range(outputs):
            dbias[j] += dy[n * outputs + j]
    if dx.size:
        matmul_transposed_b(rows, inputs, outputs, dy, parameters, dx)
