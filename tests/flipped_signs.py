"""Signs that may be flipped in the source, one at a time, the quick test that must notice, and what it must say.

A line is what stands once in its file. A test of images runs its kernels as Python, which spares the longest compile.
"""

from typing import NamedTuple


class Flip(NamedTuple):
    file: str  # below src/handgrad
    line: str
    flipped: str
    test: str
    says: str  # the operation and the array that the failure must name

    @property
    def as_python(self):
        return self.test.startswith(IMAGES)


IMAGES = "tests/kernels/test_image_kernels.py::"
CHANNELS = f"{IMAGES}test_batch_norm_of_channels[shape0-float64]"
CONVOLUTION = f"{IMAGES}test_convolution[3 by 3-float64]"
SMALL = f"{IMAGES}test_convolution[1 by 1-float64]"


def layer(name):
    return f"tests/nn/test_gradients.py::test_backward_with_a_random_dy[{name}-training]"


def loss(name):
    return f"tests/kernels/test_loss_kernels.py::test_loss_and_gradient[6-10-{name}-float64]"


def optimizer(name):
    return f"tests/optim/test_optimizer_rules.py::test_path[{name}-unusual-float64]"


def transforms(name):
    return f"tests/kernels/test_driver.py::test_transforms_before_the_step[{name}-float64]"


def schedule(name):
    return f"tests/optim/test_schedules.py::test_by_hand[{name}]"


NORM = "nn/batch_norm.py"
CONV, POOL, LOSSES, DRIVER = "kernels/convolution.py", "kernels/pooling.py", "kernels/losses.py", "kernels/driver.py"
PENALTIES = "kernels/gradients.py"
COSINE, ONE_CYCLE = "optim/schedules/cosine.py", "optim/schedules/one_cycle.py"

FLIPS = [
    Flip(
        "nn/activations/sigmoid.py",
        "dy[i] * y[i] * (one - y[i])",
        "dy[i] * y[i] * (one + y[i])",
        layer("sigmoid"),
        "sigmoid: dx",
    ),
    Flip(
        "nn/activations/tanh.py",
        "dy[i] * (one - y[i] * y[i])",
        "dy[i] * (one + y[i] * y[i])",
        layer("tanh"),
        "tanh: dx",
    ),
    Flip(
        "nn/activations/relu.py",
        "dy[i] if x[i] > zero else zero",
        "-dy[i] if x[i] > zero else zero",
        layer("relu"),
        "relu: dx",
    ),
    Flip(
        "nn/activations/leaky_relu.py",
        "else slope * dy[i]",
        "else -slope * dy[i]",
        layer("leaky_relu"),
        "leaky_relu: dx",
    ),
    Flip(
        "nn/activations/elu.py", "else dy[i] * (y[i] + alpha)", "else dy[i] * (y[i] - alpha)", layer("elu"), "elu: dx"
    ),
    Flip("nn/activations/gelu.py", "(saved[i] + x[i] * height", "(saved[i] - x[i] * height", layer("gelu"), "gelu: dx"),
    Flip("nn/activations/gelu.py", "exp(-half * x[i] * x[i])", "exp(half * x[i] * x[i])", layer("gelu"), "gelu: dx"),
    Flip("nn/activations/silu.py", "x[i] * (one - saved[i])", "x[i] * (one + saved[i])", layer("silu"), "silu: dx"),
    Flip(
        "nn/activations/softplus.py",
        "dy[i] * sigmoid(x[i])",
        "dy[i] * sigmoid(-x[i])",
        layer("softplus"),
        "softplus: dx",
    ),
    Flip(NORM, "dbeta[j] += dy[i]", "dbeta[j] -= dy[i]", layer("batch_norm"), "batch_norm: dbeta"),
    Flip(NORM, "dgamma[j] += dy[i]", "dgamma[j] -= dy[i]", layer("batch_norm"), "batch_norm: dgamma"),
    Flip(NORM, "(dy[i] - each *", "(dy[i] + each *", layer("batch_norm"), "batch_norm: dx"),
    Flip(NORM, "(dbeta[j] + normalised", "(dbeta[j] - normalised", layer("batch_norm"), "batch_norm: dx"),
    Flip(NORM, "dbeta += gradient[k]", "dbeta -= gradient[k]", CHANNELS, "BatchNorm: dbeta"),
    Flip(NORM, "dgamma += gradient[k]", "dgamma -= gradient[k]", CHANNELS, "BatchNorm: dgamma"),
    Flip(NORM, "(gradient[k] - (dbeta", "(gradient[k] + (dbeta", CHANNELS, "BatchNorm: dx"),
    Flip(NORM, "(dbeta + (plane", "(dbeta - (plane", CHANNELS, "BatchNorm: dx"),
    Flip(CONV, "dbias[o] += total", "dbias[o] -= total", CONVOLUTION, "Conv2D: dbias"),
    Flip(CONV, "b += dy[k] * x1[k]", "b -= dy[k] * x1[k]", CONVOLUTION, "Conv2D: dweight"),
    Flip(CONV, "c_next += dy_next[k]", "c_next -= dy_next[k]", CONVOLUTION, "Conv2D: dweight"),
    Flip(CONV, "dweight[j] += a", "dweight[j] -= a", SMALL, "Conv2D: dweight"),
    Flip("kernels/dense.py", "dbias[j] += row[j]", "dbias[j] -= row[j]", layer("dense"), "dense: dbias"),
    Flip("nn/dropout.py", "= saved[i] * dy[i]", "= -saved[i] * dy[i]", layer("dropout"), "dropout: dx"),
    Flip(POOL, "out[n] = dy_batch[n] if", "out[n] = -dy_batch[n] if", layer("max_pool2d"), "max_pool2d: dx"),
    Flip(POOL, "+= each * dy_batch[n]", "-= each * dy_batch[n]", layer("average_pool2d"), "average_pool2d: dx"),
    Flip(LOSSES, "(dlogits[n, k] - share)", "(dlogits[n, k] + share)", loss("smoothed"), "smoothed: dlogits"),
    Flip(LOSSES, "labels[n]] -= dlogits", "labels[n]] += dlogits", loss("cross_entropy"), "cross_entropy: dlogits"),
    Flip(LOSSES, "scale * (error - inner)", "scale * (error + inner)", loss("squared_error"), "squared_error: dlogits"),
    Flip(LOSSES, "inner += error *", "inner -= error *", loss("squared_error"), "squared_error: dlogits"),
    Flip("optim/sgd.py", "w[i] -= learning", "w[i] += learning", optimizer("sgd"), "sgd: w"),
    Flip(
        "optim/momentum.py",
        "w[i] -= learning_rate * velocity",
        "w[i] += learning_rate * velocity",
        optimizer("momentum"),
        "momentum: w",
    ),
    Flip("optim/nag.py", "(dw[i] + momentum *", "(dw[i] - momentum *", optimizer("nag"), "nag: w"),
    Flip("optim/rmsprop.py", "* square[i] + one", "* square[i] - one", optimizer("rmsprop"), "rmsprop: square"),
    Flip("optim/rmsprop.py", "1 - beta, epsilon\n", "1 + beta, epsilon\n", optimizer("rmsprop"), "rmsprop: square"),
    Flip("optim/rmsprop.py", "sqrt(square[i]) + ep", "sqrt(square[i]) - ep", optimizer("rmsprop"), "rmsprop: w"),
    Flip("optim/adagrad.py", "square[i] += dw", "square[i] -= dw", optimizer("adagrad"), "adagrad: square"),
    Flip("optim/adagrad.py", "w[i] -= learning", "w[i] += learning", optimizer("adagrad"), "adagrad: w"),
    Flip("optim/optimizer.py", "beta1 * m[i] + one", "beta1 * m[i] - one", optimizer("adam"), "adam: m"),
    Flip("optim/optimizer.py", "beta2 * v[i] + one", "beta2 * v[i] - one", optimizer("adam"), "adam: v"),
    Flip("optim/optimizer.py", "(1 - beta1**step)", "(1 + beta1**step)", optimizer("adam"), "adam: w"),
    Flip("optim/optimizer.py", "(1 - beta2**step)", "(1 + beta2**step)", optimizer("adamw"), "adamw: w"),
    Flip("optim/optimizer.py", "* root + epsilon", "* root - epsilon", optimizer("adam"), "adam: w"),
    Flip("optim/nadam.py", "beta1 * m[i] + one", "beta1 * m[i] - one", optimizer("nadam"), "nadam: m"),
    Flip("optim/nadam.py", "(1 - memory[0])\n", "(1 + memory[0])\n", optimizer("nadam"), "nadam: w"),
    Flip("optim/nadam.py", "now = beta1 * (1 - 0.5", "now = beta1 * (1 + 0.5", optimizer("nadam"), "nadam: w"),
    Flip("optim/nadam.py", "fresh * dw[i] + carried", "fresh * dw[i] - carried", optimizer("nadam"), "nadam: w"),
    Flip("optim/eve.py", "abs(loss - memory[1])", "abs(loss + memory[1])", optimizer("eve"), "eve: w"),
    Flip("optim/eve.py", "memory[0] + (1 - beta3)", "memory[0] - (1 - beta3)", optimizer("eve"), "eve: w"),
    Flip(PENALTIES, "+ l1 * np.sign", "- l1 * np.sign", transforms("l1"), "l1=0.03, weight_decay=0.0): w"),
    Flip(
        PENALTIES,
        "            dw[i] = scale * dw[i] + l2 * w[i]",
        "            dw[i] = scale * dw[i] - l2 * w[i]",
        transforms("weight_decay"),
        "weight_decay=0.2): w",
    ),
    Flip(
        DRIVER, "(norm + 1e-6)", "(norm - 1e-6)", transforms("clipping"), "clip_norm=0.7, l1=0.0, weight_decay=0.0): w"
    ),
    Flip(COSINE, "0.5 * (1 + cos(", "0.5 * (1 - cos(", schedule("cosine"), "cosine: learning_rate"),
    Flip(ONE_CYCLE, "up = 0.5 * (1 - cos", "up = 0.5 * (1 + cos", schedule("one_cycle"), "one_cycle: learning_rate"),
    Flip(
        ONE_CYCLE, "end + (1 - end) * down", "end - (1 - end) * down", schedule("one_cycle"), "one_cycle: learning_rate"
    ),
    Flip(
        "optim/schedule.py",
        "ramp = np.minimum((steps + 1)",
        "ramp = np.minimum((steps - 1)",
        schedule("warmup"),
        "warmup: learning_rate",
    ),
]
