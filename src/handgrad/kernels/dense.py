"""The fully connected layer, y = x W + b.  `shape` holds (inputs, outputs); parameters are W row by row, then b."""

from handgrad.kernels.blas import matmul, matmul_transposed_a, matmul_transposed_b
from handgrad.kernels.compile import fast_kernel


@fast_kernel
def dense_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x W + b.

    Shapes  x (N, I), W (I, O), b (O,), y (N, O)
    """
    inputs, outputs = shape[0], shape[1]
    rows = x.size // inputs
    weight = parameters[: inputs * outputs].reshape((inputs, outputs))
    bias = parameters[inputs * outputs :]
    out = y.reshape((rows, outputs))
    matmul(x.reshape((rows, inputs)), weight, out)
    for n in range(rows):
        for j in range(outputs):
            out[n, j] += bias[j]


@fast_kernel
def dense_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients of the loss with respect to W, b and x.

    Shapes  as `dense_forward`; each gradient has its variable's shape
    Math    dW = x^T dy;  db = sum_n dy[n];  dx = dy W^T
    """
    inputs, outputs = shape[0], shape[1]
    rows = dy.size // outputs
    gradient = dy.reshape((rows, outputs))
    dweight = dparameters[: inputs * outputs].reshape((inputs, outputs))
    dbias = dparameters[inputs * outputs :]
    matmul_transposed_a(x.reshape((rows, inputs)), gradient, dweight)
    dbias[:] = 0
    for n in range(rows):
        for j in range(outputs):
            dbias[j] += gradient[n, j]
    if dx.size:
        weight = parameters[: inputs * outputs].reshape((inputs, outputs))
        matmul_transposed_b(gradient, weight, dx.reshape((rows, inputs)))
