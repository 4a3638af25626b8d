"""Who takes part. A module is imported in the contender's own process only; its package may be missing."""

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a contender's class is, the name by which `--peers` asks for it, and the packages it needs, as imported."""

    place: str
    peer: str = ""
    packages: tuple[str, ...] = ()


CONTENDERS = {
    "handgrad": Entry("handgrad.bench.contenders.hand:Hand"),
    "torch": Entry("handgrad.bench.contenders.torch_eager:Eager", "torch", ("torch",)),
    "torch-compiled": Entry("handgrad.bench.contenders.torch_eager:Compiled", "torch", ("torch",)),
    "jax": Entry("handgrad.bench.contenders.jax_scan:Scan", "jax", ("jax", "jaxlib")),
    "keras": Entry("handgrad.bench.contenders.keras_fit:Fit", "keras", ("keras", "jax")),
    "sklearn": Entry("handgrad.bench.contenders.sklearn_mlp:PartialFit", "sklearn", ("sklearn",)),
}

PEERS = tuple(dict.fromkeys(entry.peer for entry in CONTENDERS.values() if entry.peer))
