"""The same network in PyTorch: trained there, exported and read back. A new layer there is a row of TWINS."""

from handgrad.backends.criteria import CRITERIA
from handgrad.backends.export import load_state_dict, load_weights, save_torch, source, to_state_dict, to_torch
from handgrad.backends.optimizers import COUNTERPARTS
from handgrad.backends.trainer import TorchTrainer
from handgrad.backends.twins import TWINS, Bound, Module
from handgrad.training import Trainer

BACKENDS: dict[str, type[Trainer]] = {
    "handgrad": Trainer,
    "torch": TorchTrainer,
}
