"""A network in PyTorch over our own memory: the same parameters, gradients and buffers, seen as torch.nn modules."""

import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import CorruptDataError, UsageError
from handgrad.kernels.augment import augment
from handgrad.kernels.program import Batches
from handgrad.kernels.random import subkey
from handgrad.nn import Loss, Network
from handgrad.nn.layout import Slot, batch_of
from handgrad.plugins import how_to_install
from handgrad.torch_mapping import TorchModule, arguments_from

Criterion = Callable[[Any, Any], Any]
"""(logits (N, K), labels (N,)) -> mean loss, a tensor of no axes."""
Array = NDArray[Any]
GRAPH = "handgrad.torch_port.paths.Graph"
COUNTER = "num_batches_tracked"  # a buffer of PyTorch's batch normalisation, without use where it has a momentum


def installed_torch() -> Any:
    """The module `torch`.

    Raises  UsageError when PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            f"PyTorch is not installed: {how_to_install('torch')}. --backend torch, lockstep and .pt files need it"
        ) from error
    return torch


def torch_attribute(name: str) -> Any:
    """What a dotted name such as "torch.optim.Adam" stands for.

    Raises  UsageError when PyTorch is not installed, or this version of it has nothing of the name.
    """
    torch = installed_torch()
    home, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(home), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"PyTorch {torch.__version__} has no {name}: {how_to_install('torch')}") from error


def _made(module: TorchModule) -> Any:
    """The module, or one that calls the function which `module` names."""
    found = torch_attribute(module.name)
    if isinstance(found, type):
        return found(**module.arguments)
    return type(
        found.__name__.capitalize(),
        (installed_torch().nn.Module,),
        {"forward": lambda self, x: found(x, **module.arguments)},
    )()


def device_named(name: str) -> Any:
    """The torch.device of "cpu", "cuda", or "auto": the graphics card where there is one.

    Raises  UsageError when there is no such device.
    """
    torch = installed_torch()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"device cuda: PyTorch {torch.__version__} finds no CUDA device here. Use --device cpu, or auto (--device)"
        )
    return torch.device(name)


def criterion(loss: Loss, class_weights: Sequence[float] = ()) -> Criterion:
    """PyTorch's function for one of our losses; with class weights, as CrossEntropyLoss(weight=) has them.

    Raises  UsageError for a loss that names none.
    """
    mapping = loss.torch
    if mapping is None:
        raise UsageError(f"the loss {type(loss).__name__} names no function of PyTorch's: give the class a `torch`")
    functional, function = installed_torch().nn.functional, torch_attribute(mapping.name)
    arguments = arguments_from(loss, mapping.arguments)

    def mean_loss(logits: Any, labels: Any, **more: Any) -> Any:
        targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype) if mapping.one_hot else labels
        inputs = functional.softmax(logits, dim=1) if mapping.softmax else logits
        return function(inputs, targets, **arguments, **more)

    def weighted(logits: Any, labels: Any) -> Any:
        each = mean_loss(logits, labels, reduction="none").reshape(len(labels), -1).mean(1)
        weights = logits.new_tensor(class_weights)[labels]
        return (weights * each).sum() / weights.sum()

    return weighted if class_weights else mean_loss


class Place(NamedTuple):
    """Where one of our parts stands in PyTorch: module, name in it, whether its axes are the other way round there."""

    slot: Slot
    module: str
    name: str
    transposed: bool
    trained: bool

    @property
    def key(self) -> str:
        return f"{self.module}.{self.name}"

    def view(self, vector: Any) -> Any:
        """The part of a flat vector, an array or a tensor, as PyTorch shapes it; nothing is copied."""
        part = vector[self.slot.start : self.slot.stop].reshape(self.slot.part.shape)
        return part.T if self.transposed else part


def modules_of(network: Network) -> Iterator[tuple[str, int, TorchModule]]:
    """(name, number of our layer, module) for each of PyTorch's modules, in the order in which they are applied.

    A layer's last module has its number for a name, as in a plain Sequential; what comes before has its class's too.

    Raises  UsageError for a layer that names no module.
    """
    shape = network.input_shape
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        modules = layer.torch_modules(shape)
        if not modules:
            raise UsageError(
                f"layer {number}, {type(layer).__name__}, names no module of PyTorch's: "
                "give the class `torch_modules`, or an activation `torch`"
            )
        for module in modules[:-1]:
            yield f"{number}_{module.name.rpartition('.')[2].lower()}", number, module
        yield str(number), number, modules[-1]
        shape = plan.output


def places(network: Network) -> Iterator[Place]:
    """Every parameter and every buffer of a network."""
    slots = [(slot, True) for slot in network.parameter_slots] + [(slot, False) for slot in network.buffer_slots]
    for module, number, row in modules_of(network):
        for slot, trained in slots:
            if slot.layer == number and slot.part.name in row.names:
                name = row.names[slot.part.name]
                yield Place(slot, module, name, slot.part.name in row.transposed, trained)


def to_state(network: Network) -> dict[str, Array]:
    """The arrays of a state_dict, by PyTorch's keys.

    Shapes  a dense layer's weight is (outputs, inputs) there; everything else has the same shape on both sides
    """
    state: dict[str, Array] = {}
    for place in places(network):
        state[place.key] = np.array(place.view(network.parameters if place.trained else network.buffers), order="C")
        if place.name == "running_var":
            state[f"{place.module}.{COUNTER}"] = np.zeros((), np.int64)
    return state


def from_state(network: Network, state: Mapping[str, Array], source: str = "the state_dict") -> None:
    """Give the network the arrays of a state_dict.

    Raises  CorruptDataError when a key is missing or unknown, a shape is another one, or a number is not finite.
    """
    targets = {place.key: place for place in places(network)}
    unknown = [key for key in state if key not in targets and not key.endswith(COUNTER)]
    for key, place in targets.items():
        target = place.view(network.parameters if place.trained else network.buffers)
        array = state.get(key)
        if array is None or array.shape != target.shape:
            found = "nothing" if array is None else f"shape {array.shape}"
            extra = f"; it holds {', '.join(unknown[:3])}" if unknown else ""
            raise CorruptDataError(
                f"{source}: {key} must have shape {target.shape} for this network, found {found}{extra}"
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise CorruptDataError(f"{source}: {key} must hold finite numbers")
    if unknown:
        raise CorruptDataError(f"{source}: {unknown[0]} is no part of this network: is it another one's?")
    for key, place in targets.items():
        place.view(network.parameters if place.trained else network.buffers)[...] = state[key]


def sequential(network: Network) -> Any:
    """An nn.Sequential of a network's layers in its precision, its weights not yet set; with several paths, a Graph."""
    torch = installed_torch()
    made = OrderedDict()
    for name, _, module in modules_of(network):
        made[name] = _made(module)
    model = torch_attribute(GRAPH) if network.graph.branches else torch.nn.Sequential
    return model(made).to(getattr(torch, network.dtype))


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
        self.resident: dict[int, tuple[Any, ...]] = {}  # by address: images; on the device: they, scale, shift
        self.criterion = criterion(network.loss)
        self.training_criterion = criterion(network.loss, network.class_weights)

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
        if self.apart and (key is None or not batches.augmentation.size):
            return self._from_device(batches, rows)
        x, labels = np.empty(rows.size * prod(shape), self.network.dtype), np.empty(rows.size, np.int64)
        kernels.driver.gather(batches, rows, x, labels)
        if key is not None and batches.augmentation.size:
            augment(x, rows.size, batches.augmentation, batches.scale, batches.shift, np.uint64(key))
        images = self.torch.from_numpy(x.reshape(rows.size, *shape))
        return images.to(self.device), self.torch.from_numpy(labels).to(self.device)

    def _from_device(self, batches: Batches, rows: Array) -> tuple[Any, Any]:
        """As `batch`, from images that are brought to the device once, and scaled there."""
        address = batches.images.ctypes.data
        if address not in self.resident:
            arrays = np.array(batches.images), batches.scale[:, None], batches.shift[:, None]
            images, scale, shift = (self.shared(array) for array in arrays)
            self.resident[address] = batches.images, images, scale, shift  # the first keeps the address taken
        _, images, scale, shift = self.resident[address]
        pixels = images[self.torch.tensor(rows, device=self.device)].reshape(rows.size, len(scale), -1)
        x = (scale * pixels.to(scale.dtype) + shift).reshape(rows.size, *self.network.input_shape)
        return x, self.torch.from_numpy(batches.labels[rows]).to(self.device)

    def outputs(self, x: Any, key: int | None = None) -> Iterator[tuple[int, Any]]:
        """Each layer's number with its output: in training, with our masks for the step's `key`; else without one."""
        if self.model.training != (key is not None):
            self.model.train(key is not None)

        def call(name: str, module: Any, x: Any) -> Any:
            masked = key is not None and name in self.masked
            return x * self._mask(self.masked[name], len(x), key) if masked else module(x)

        for name, y in torch_attribute(GRAPH).walk(self.model, x, call):
            if name.isdecimal():
                yield int(name), y

    def logits(self, x: Any, key: int | None = None) -> Any:
        """The last of `outputs`."""
        *_, (_, last) = self.outputs(x, key)
        return last.flatten(1)

    def loss_and_gradients(self, x: Any, labels: Any, key: int) -> tuple[float, int]:
        """Loss and right answers of a batch in training; the gradients replace those in `gradients`."""
        self.gradients.zero_()
        logits = self.logits(x, key)
        loss = self.training_criterion(logits, labels)
        loss.backward()
        right = (logits.detach().argmax(1) == labels).sum()
        mean, count = self.torch.stack([loss.detach(), right]).tolist()  # one wait for the device, not two
        return float(mean), int(count)

    def _mask(self, number: int, rows: int, key: Any) -> Any:
        """What our kernel multiplies by at this step: its own output for an input of ones."""
        plan, real = self.network.plans[number], np.dtype(self.network.dtype)
        size, nothing = rows * prod(plan.output), np.empty(0, real)
        mask, saved = np.empty(size, real), np.empty(plan.saved + rows * plan.saved_per_image, real)
        forward: Any = plan.kernels[0] if plan.kernels else None
        numbers = np.array(plan.sizes, np.int64), np.array(plan.settings, real)
        layer_key = np.uint64(subkey(np.uint64(key), number))
        forward(np.ones(size, real), mask, nothing, nothing, saved, *numbers, layer_key, True)
        images = batch_of(mask, self.network.wiring.ends[number], rows)
        return self.torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
