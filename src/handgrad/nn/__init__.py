"""Layers, losses, initialisers, networks and the gradient check. A new layer is a file and a row."""

from handgrad.nn.activations.arctan import Arctan
from handgrad.nn.activations.elu import ELU
from handgrad.nn.activations.gelu import GELU
from handgrad.nn.activations.identity import Identity
from handgrad.nn.activations.leaky_relu import LeakyReLU
from handgrad.nn.activations.prelu import PReLU
from handgrad.nn.activations.relu import ReLU
from handgrad.nn.activations.sigmoid import Sigmoid
from handgrad.nn.activations.silu import SiLU
from handgrad.nn.activations.softplus import Softplus
from handgrad.nn.activations.tanh import Tanh
from handgrad.nn.add import Add, residual
from handgrad.nn.average_pool2d import AveragePool2D
from handgrad.nn.batch_norm import BatchNorm
from handgrad.nn.concat import Concat, concat
from handgrad.nn.conv2d import Conv2D
from handgrad.nn.dense import Dense
from handgrad.nn.dropout import Dropout
from handgrad.nn.flatten import Flatten
from handgrad.nn.global_average_pool import GlobalAveragePool
from handgrad.nn.gradcheck import Check, gradcheck
from handgrad.nn.graph import Branch, Split
from handgrad.nn.group_norm import GroupNorm
from handgrad.nn.initializers import (
    He,
    HeUniform,
    Initializer,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from handgrad.nn.layer import Buffer, Layer, Parameter, Plan
from handgrad.nn.layer_norm import LayerNorm
from handgrad.nn.losses import AbsoluteError, CrossEntropy, Loss, SquaredError
from handgrad.nn.max_pool2d import MaxPool2D
from handgrad.nn.network import Network, Scaling
from handgrad.nn.pad_channels import PadChannels
from handgrad.nn.transpose import Transpose
from handgrad.plugins import extend

ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "prelu": PReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "arctan": Arctan,
}

LAYERS: dict[str, type[Layer]] = {
    "dense": Dense,
    "flatten": Flatten,
    "dropout": Dropout,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
    "group_norm": GroupNorm,
    "conv2d": Conv2D,
    "max_pool2d": MaxPool2D,
    "average_pool2d": AveragePool2D,
    "global_average_pool": GlobalAveragePool,
    "pad_channels": PadChannels,
    "transpose": Transpose,
    "split": Split,
    "branch": Branch,
    "add": Add,
    "concat": Concat,
}

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "mean_squared_error": SquaredError,
    "mean_absolute_error": AbsoluteError,
}

INITIALIZERS: dict[str, type[Initializer]] = {
    "random": Normal,
    "xavier": XavierUniform,
    "xavier_normal": XavierNormal,
    "he": He,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "uniform": Uniform,
    "orthogonal": Orthogonal,
    "zeros": Zeros,
}

extend(activations=ACTIVATIONS, layers=LAYERS, losses=LOSSES, initializers=INITIALIZERS)
