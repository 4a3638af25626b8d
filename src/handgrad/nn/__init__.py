"""Layers, losses, initialisers, networks and the gradient check. A new layer is a row of LAYERS."""

from handgrad.nn.activations import ELU, GELU, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.nn.batchnorm import BatchNorm
from handgrad.nn.convolution import Conv2D
from handgrad.nn.dense import Dense, Flatten
from handgrad.nn.dropout import Dropout
from handgrad.nn.gradcheck import Check, gradcheck
from handgrad.nn.initializers import He, Initializer, Normal, Orthogonal, XavierNormal, XavierUniform, Zeros
from handgrad.nn.layer import Buffer, Layer, Parameter, Plan
from handgrad.nn.losses import CrossEntropy, Loss, SquaredError
from handgrad.nn.network import Network, Scaling
from handgrad.nn.pooling import AveragePool2D, GlobalAveragePool, MaxPool2D

ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
}

LAYERS: dict[str, type[Layer]] = {
    "dense": Dense,
    "flatten": Flatten,
    "dropout": Dropout,
    "batch_norm": BatchNorm,
    "conv2d": Conv2D,
    "max_pool2d": MaxPool2D,
    "average_pool2d": AveragePool2D,
    "global_average_pool": GlobalAveragePool,
}

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "mean_squared_error": SquaredError,
}

INITIALIZERS: dict[str, type[Initializer]] = {
    "random": Normal,
    "xavier": XavierUniform,
    "xavier_normal": XavierNormal,
    "he": He,
    "orthogonal": Orthogonal,
    "zeros": Zeros,
}
