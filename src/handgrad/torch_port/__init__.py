"""The same network in PyTorch: trained there, exported and read back, by the mappings of its layers."""

from handgrad.torch_port.export import load_state_dict, load_weights, save_torch, source, to_state_dict, to_torch
from handgrad.torch_port.trainer import TorchTrainer
from handgrad.training import Trainer

BACKENDS: dict[str, type[Trainer]] = {"handgrad": Trainer, "torch": TorchTrainer}
