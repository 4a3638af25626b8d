"""Optimizers and learning-rate schedules. A new one is a file and a row."""

from handgrad.optim.adagrad import Adagrad
from handgrad.optim.adam import Adam
from handgrad.optim.adamw import AdamW
from handgrad.optim.eve import Eve
from handgrad.optim.lion import Lion
from handgrad.optim.momentum import Momentum
from handgrad.optim.nadam import NAdam
from handgrad.optim.nag import NAG
from handgrad.optim.optimizer import GradientTransforms, Optimizer
from handgrad.optim.rmsprop import RMSprop
from handgrad.optim.schedule import Schedule
from handgrad.optim.schedules.constant import Constant
from handgrad.optim.schedules.cosine import Cosine
from handgrad.optim.schedules.exponential import Exponential
from handgrad.optim.schedules.one_cycle import OneCycle
from handgrad.optim.schedules.step import StepDecay
from handgrad.optim.schedules.warmup import Warmup
from handgrad.optim.sgd import SGD
from handgrad.plugins import extend

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
    "lion": Lion,
}

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": Exponential,
    "cosine": Cosine,
    "warmup": Warmup,
    "one_cycle": OneCycle,
}

extend(optimizers=OPTIMIZERS, schedules=SCHEDULES)
