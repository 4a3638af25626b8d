"""A network in PyTorch over our own memory: the same parameters, gradients and buffers, seen as torch.nn modules."""

from collections import OrderedDict
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels.augment import augment
from handgrad.kernels.driver import gather
from handgrad.kernels.program import Batches
from handgrad.kernels.random import subkey
from handgrad.nn import Network
from handgrad.nn.layout import layouts
from handgrad.torch_port.criteria import criterion
from handgrad.torch_port.installed import device_named, installed_torch, torch_attribute
from handgrad.torch_port.weights import modules_of, places

Array = NDArray[Any]


def sequential(network: Network) -> Any:
    """An nn.Sequential of a network's layers in its precision, its weights not yet set."""
    torch = installed_torch()
    made = OrderedDict()
    for name, _, module in modules_of(network):
        made[name] = torch_attribute(module.name)(**module.arguments)
    return torch.nn.Sequential(made).to(getattr(torch, network.dtype))


class Port:
    """`model` is an nn.Sequential whose parameters are views of three flat tensors on `device`.

    On the processor these are the network's own vectors, so whatever saves, restores or averages a network does it to
    the port as well; elsewhere `push` and `pull` copy.
    """

    def __init__(self, network: Network, device: str = "cpu") -> None:
        self.torch, self.device, self.network = installed_torch(), device_named(device), network
        self.model = sequential(network).to(self.device)
        self.parameters, self.gradients, self.buffers = (
            self.shared(vector) for vector in (network.parameters, network.gradients, network.buffers)
        )
        self.tied: list[tuple[Any, Any]] = []  # (our place, PyTorch's parameter)
        self._tie()
        self.masked = {name: number for name, number, module in modules_of(network) if module.masked}
        self.layouts = layouts(network)
        self.criterion = criterion(network.loss)

    @property
    def apart(self) -> bool:
        """Whether the device has a memory of its own, so that `push` and `pull` have something to do."""
        return bool(self.device.type != "cpu")

    def shared(self, vector: Array) -> Any:
        """A flat tensor over `vector`'s memory, or its copy on another device."""
        return self.torch.from_numpy(vector).to(self.device, copy=self.apart)

    def _tie(self) -> None:
        """Put views of the flat tensors where the modules have parameters, gradients and buffers of their own."""
        for place in places(self.network):
            module = self.model.get_submodule(place.module)
            if place.trained:
                parameter = self.torch.nn.Parameter(place.view(self.parameters))
                parameter.grad = place.view(self.gradients)
                self.tied.append((place, parameter))
                setattr(module, place.name, parameter)
            else:
                setattr(module, place.name, place.view(self.buffers))

    def push(self) -> None:
        """Bring the network's parameters and buffers to the device."""
        if self.apart:
            self.parameters.copy_(self.torch.from_numpy(self.network.parameters))
            self.buffers.copy_(self.torch.from_numpy(self.network.buffers))

    def pull(self) -> None:
        """Bring parameters, gradients and buffers from the device back to the network."""
        if self.apart:
            for ours in ("parameters", "gradients", "buffers"):
                getattr(self.network, ours)[:] = getattr(self, ours).cpu().numpy()

    def batch(self, batches: Batches, rows: Array, key: int | None = None) -> tuple[Any, Any]:
        """Images and labels of some rows as tensors; augmented, as our engine does it, where `key` is a step's.

        Shapes  (n, *input_shape) real, (n,) int64
        """
        shape = self.network.input_shape
        x, labels = np.empty(rows.size * prod(shape), self.network.dtype), np.empty(rows.size, np.int64)
        gather(batches, rows, x, labels)
        if key is not None and batches.augmentation.size:
            augment(x, rows.size, batches, np.uint64(key))
        images = self.torch.from_numpy(x.reshape(rows.size, *shape))
        return images.to(self.device), self.torch.from_numpy(labels).to(self.device)

    def outputs(self, x: Any, key: int | None = None) -> Iterator[tuple[int, Any]]:
        """Each layer's number with its output: in training, with our masks for the step's `key`; else without one."""
        if self.model.training != (key is not None):
            self.model.train(key is not None)
        for name, module in self.model.named_children():
            masked = key is not None and name in self.masked
            x = x * self._mask(self.masked[name], len(x), key) if masked else module(x)
            if name.isdecimal():
                yield int(name), x

    def logits(self, x: Any, key: int | None = None) -> Any:
        """The last of `outputs`."""
        *_, (_, last) = self.outputs(x, key)
        return last.flatten(1)

    def loss_and_gradients(self, x: Any, labels: Any, key: int) -> tuple[float, int]:
        """Loss and right answers of a batch in training; the gradients replace those in `gradients`."""
        self.gradients.zero_()
        logits = self.logits(x, key)
        loss = self.criterion(logits, labels)
        loss.backward()
        return float(loss.detach()), int((logits.detach().argmax(1) == labels).sum())

    def _mask(self, number: int, rows: int, key: Any) -> Any:
        """What our kernel multiplies by at this step: its own output for an input of ones."""
        plan, real = self.network.plans[number], np.dtype(self.network.dtype)
        size, nothing = rows * prod(plan.output), np.empty(0, real)
        mask, saved = np.empty(size, real), np.empty(plan.saved + rows * plan.saved_per_image, real)
        forward: Any = plan.kernels[0] if plan.kernels else None
        numbers = np.array(plan.sizes, np.int64), np.array(plan.settings, real)
        layer_key = np.uint64(subkey(np.uint64(key), number))
        forward(np.ones(size, real), mask, nothing, nothing, saved, *numbers, layer_key, True)
        return self.torch.from_numpy(images_of(mask, self.layouts[number], rows, plan.output)).to(self.device)


def images_of(flat: Array, layout: str, rows: int, shape: tuple[int, ...]) -> Array:
    """What lies in memory as `layout` says, image by image.  Shapes  (rows * prod(shape),) -> (rows, *shape)"""
    if layout == "columns":
        return np.ascontiguousarray(flat.reshape(-1, rows).T).reshape(rows, *shape)
    return flat.reshape(rows, *shape)
