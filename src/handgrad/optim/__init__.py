"""Optimizers and learning-rate schedules. A new optimizer is one file and a row of OPTIMIZERS."""

from handgrad.optim.adagrad import Adagrad
from handgrad.optim.adam import Adam, AdamW
from handgrad.optim.eve import Eve
from handgrad.optim.links import Links
from handgrad.optim.momentum import NAG, Momentum
from handgrad.optim.nadam import NAdam
from handgrad.optim.optimizer import Optimizer
from handgrad.optim.rmsprop import RMSprop
from handgrad.optim.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, StepDecay, Warmup
from handgrad.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nag": NAG,
    "rmsprop": RMSprop,
    "adam": Adam,
    "nadam": NAdam,
    "adamw": AdamW,
    "adagrad": Adagrad,
    "eve": Eve,
}

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": Exponential,
    "cosine": Cosine,
    "warmup": Warmup,
    "one_cycle": OneCycle,
}
