"""A training step of larger networks on 1, 2, 4, … threads: handgrad, PyTorch and JAX, and whether our bits are equal.

    python benchmarks/threads.py [--threads 1 2 4 8 16] [--engines handgrad torch jax] [--seconds 0.3] [--out FILE.json]

Each engine and number of threads is a process of its own, on as many cores; images are random, none is black. PyTorch's
networks are its own modules of the same layers; JAX's are written below, and only of plain layers. Prints
the least microseconds a step, best peer / handgrad, and the digest of the weights after some steps on each number of
threads. `torch.compile` is one more engine, torchc. An engine that cannot be imported is left out, and said so.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DIGEST_STEPS, REPEATS, RATE = 5, 3, 1e-4
Steps = Callable[[int], Any]


class Workload(NamedTuple):
    """A network by its layers, the images it takes, and how it is trained."""

    layers: str
    shape: tuple[int, ...]
    batch: int
    optimizer: str


STACK = " ".join(f"conv2d:{filters},3 relu" for filters in [16] * 7)
STACK += " max_pool2d:2 " + " ".join(["conv2d:32,3 relu"] * 6)
STACK += " max_pool2d:2 " + " ".join(["conv2d:64,3 relu"] * 6) + " flatten dense:10"
WORKLOADS = {
    "A, batch 1024": Workload("dense:128 tanh dense:128 tanh dense:128 tanh dense:10", (28, 28), 1024, "adam"),
    "C": Workload("dense:500 relu dense:250 relu dense:100 relu dense:10", (28, 28), 64, "sgd"),
    "E": Workload("dense:1000 relu dense:500 relu dense:250 relu dense:10", (28, 28), 64, "momentum"),
    "2048x2": Workload("dense:2048 relu dense:2048 relu dense:10", (28, 28), 128, "adam"),
    "1024x4": Workload(
        "dense:1024 relu dense:1024 relu dense:1024 relu dense:1024 relu dense:10", (28, 28), 256, "adam"
    ),
    "lenet5": Workload(
        "conv2d:6,5 tanh max_pool2d:2 conv2d:16,5 tanh max_pool2d:2 flatten dense:120 tanh dense:84 tanh dense:10",
        (28, 28),
        64,
        "adam",
    ),
    "cnn 32-64": Workload(
        "conv2d:32,3 relu max_pool2d:2 conv2d:64,3 relu max_pool2d:2 flatten dense:128 relu dense:10",
        (28, 28),
        64,
        "adam",
    ),
    "19 convolutions": Workload(STACK, (3, 32, 32), 64, "adam"),
    "resnet20": Workload("resnet20 dense:10", (3, 32, 32), 128, "momentum"),
    "vgg8": Workload("vgg8 dense:10", (3, 32, 32), 128, "momentum"),
}
NAMED_NETWORKS = "resnet20", "vgg8"  # which JAX is not asked for


def parsed(layers: str) -> list[tuple[str, list[int]]]:
    """Names and numbers of a list of layers."""
    return [
        (name, [int(n) for n in rest.split(",") if n]) for name, _, rest in (x.partition(":") for x in layers.split())
    ]


def images_of(workload: Workload) -> tuple[Any, Any]:
    """Eight batches of random images and labels."""
    generator, count = np.random.default_rng(0), 8 * workload.batch
    return generator.integers(1, 256, (count, *workload.shape), dtype=np.uint8), generator.integers(0, 10, count)


def network_of(workload: Workload) -> Any:
    """The hand-written network; the name of one that comes as a file stands for its layers."""
    from handgrad.config.layer_list import NAMED, build_layer, named_network
    from handgrad.nn import Network

    words = [
        each
        for word in workload.layers.split()
        for each in (named_network(word)["layers"] if word in NAMED else [word])
    ]
    return Network([build_layer(item) for item in words], workload.shape)


def with_handgrad(workload: Workload, threads: int) -> tuple[Steps, Callable[[], str]]:
    """Steps of the hand-written engine, and the digest of its weights."""
    from handgrad.data import Split
    from handgrad.optim import OPTIMIZERS
    from handgrad.training import Settings, Trainer

    x, y = images_of(workload)
    network = network_of(workload)
    rule = OPTIMIZERS[workload.optimizer](learning_rate=RATE)
    chosen = Settings(rule, epochs=1, batch_size=workload.batch, keep="last", threads=threads)
    trainer = Trainer(network, Split(x, y, np.arange(len(x)), np.arange(0)), chosen)
    return trainer.seconds_for, lambda: hashlib.sha256(network.parameters.tobytes()).hexdigest()[:12]


def with_torch(workload: Workload, threads: int, compiled: bool = False) -> tuple[Steps, Callable[[], str]]:
    """Steps of PyTorch, eager or compiled, with a fused optimizer, on its own modules of the same layers."""
    import torch

    from handgrad.torch_port.export import to_torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    x, y = images_of(workload)
    network = to_torch(network_of(workload)).train()
    momentum = 0.9 if workload.optimizer == "momentum" else 0.0
    adam = workload.optimizer == "adam"
    rule: Any = torch.optim.Adam(network.parameters(), RATE, fused=True) if adam else None
    rule = rule or torch.optim.SGD(network.parameters(), RATE, momentum=momentum, fused=True)
    images, labels = torch.from_numpy(x.astype(np.float32) / 255), torch.from_numpy(y)

    def loss(rows: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(images[rows]), labels[rows])

    loss_of: Any = torch.compile(loss) if compiled else loss
    order = torch.randperm(len(x))

    def run(steps: int) -> None:
        for i in range(steps):
            rule.zero_grad()
            loss_of(order[i * workload.batch : (i + 1) * workload.batch]).backward()
            rule.step()

    return run, lambda: ""


def jax_parameters(workload: Workload) -> list[Any]:
    """Weights and biases of each layer, for images with their channels last."""
    generator = np.random.default_rng(0)
    height, width, channels = (*workload.shape[-2:], prod(workload.shape[:-2]))
    features, found = 0, []
    for name, numbers in parsed(workload.layers):
        size: tuple[int, ...] = ()
        if name == "conv2d":
            size, channels = (numbers[1], numbers[1], channels, numbers[0]), numbers[0]
        elif name == "max_pool2d":
            height, width = height // 2, width // 2
        elif name == "dense":
            size, features = (features or channels * height * width, numbers[0]), numbers[0]
        scale = 1 / np.sqrt(prod(size[:-1])) if size else 0
        weights = (generator.normal(size=size) * scale).astype(np.float32), np.zeros(size[-1:], np.float32)
        found.append(weights if size else ())
    return found


def with_jax(workload: Workload, threads: int) -> tuple[Steps, Callable[[], str]]:
    """Steps of JAX, each one compiled call that updates in place."""
    import jax
    import jax.numpy as jnp

    x, y = images_of(workload)
    images = jnp.asarray(np.moveaxis(x.reshape(len(x), *(1, *workload.shape)[-3:]), 1, -1).astype(np.float32) / 255)
    labels, layers = jnp.asarray(y.astype(np.int32)), parsed(workload.layers)
    functions = {"relu": jax.nn.relu, "tanh": jnp.tanh, "flatten": lambda z: z.reshape(len(z), -1)}

    def loss(parameters: Any, rows: Any) -> Any:
        z = images[rows]
        for (name, _), weights in zip(layers, parameters, strict=True):
            if name == "conv2d":
                layout = ("NHWC", "HWIO", "NHWC")
                z = jax.lax.conv_general_dilated(z, weights[0], (1, 1), "SAME", dimension_numbers=layout) + weights[1]
            elif name == "max_pool2d":
                z = jax.lax.reduce_window(z, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            else:
                z = z.reshape(len(z), -1) @ weights[0] + weights[1] if weights else functions[name](z)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(z), labels[rows][:, None], 1)
        return -jnp.mean(chosen)

    def step(carry: Any, rows: Any) -> Any:
        parameters, first, second = carry
        gradients = jax.grad(loss)(parameters, rows)
        if workload.optimizer == "adam":
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
            change = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + 1e-8), first, second)
        else:
            share = 0.9 if workload.optimizer == "momentum" else 0.0
            first = change = jax.tree.map(lambda m, g: share * m + g, first, gradients)
        return jax.tree.map(lambda w, c: w - RATE * c, parameters, change), first, second

    compiled: Any = jax.jit(step, donate_argnums=(0,))
    start = jax.tree.map(jnp.asarray, jax_parameters(workload))
    held = [(start, *(jax.tree.map(jnp.zeros_like, start) for _ in range(2)))]
    order = jnp.asarray(np.random.default_rng(0).permutation(len(x)).astype(np.int32))

    def run(steps: int) -> None:
        for i in range(steps):
            held[0] = compiled(held[0], order[i * workload.batch : (i + 1) * workload.batch])
        jax.block_until_ready(held[0])

    return run, lambda: ""


ENGINES: dict[str, Callable[[Workload, int], tuple[Steps, Callable[[], str]]]] = {
    "handgrad": with_handgrad,
    "torch": with_torch,
    "torchc": lambda workload, threads: with_torch(workload, threads, compiled=True),
    "jax": with_jax,
}


def measure(engine: str, threads: int, seconds: float) -> None:
    """In a process of its own: a line of JSON for each network."""
    for name, workload in WORKLOADS.items():
        if engine == "jax" and name in NAMED_NETWORKS:
            continue
        run, digest = ENGINES[engine](workload, threads)
        run(DIGEST_STEPS)
        row = {"engine": engine, "threads": threads, "network": name, "digest": digest()}
        begin = time.perf_counter()
        run(1)
        once = time.perf_counter() - begin
        steps, best = max(1, min(8, int(seconds / REPEATS / once))), once
        for _ in range(max(REPEATS, min(50, int(seconds / (steps * once))))):
            begin = time.perf_counter()
            run(steps)
            best = min(best, (time.perf_counter() - begin) / steps)
        print(json.dumps(row | {"microseconds": round(best * 1e6, 1)}), flush=True)


def measured(engine: str, threads: int, seconds: float) -> list[dict[str, Any]]:
    """The rows of one process on the first `threads` cores; none, with a line of why, where it fails."""
    command = [sys.executable, __file__, "--one", engine, "--threads", str(threads), "--seconds", str(seconds)]
    variables = os.environ | dict.fromkeys(VARIABLES, str(threads)) | {"JAX_PLATFORMS": "cpu"}
    variables["PYTHONPATH"] = f"{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}"
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    cores = sorted(os.sched_getaffinity(0))[:threads]
    ended = subprocess.run(
        command,
        check=False,
        env=variables,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if ended.returncode:
        print(f"{engine} on {threads}: {(ended.stderr.strip() or 'failed').splitlines()[-1]}", flush=True)
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]


def table(rows: list[dict[str, Any]]) -> None:
    """Microseconds a step of each engine, the best peer over handgrad, and whether handgrad's bits were equal."""
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    print(f"{'network':<16}{'threads':>8}" + "".join(f"{engine:>12}" for engine in engines) + f"{'ratio':>8}")
    for name in WORKLOADS:
        digests = {row["digest"] for row in rows if row["network"] == name and row["engine"] == "handgrad"}
        for threads in sorted({row["threads"] for row in rows}):
            here = {r["engine"]: r["microseconds"] for r in rows if (r["network"], r["threads"]) == (name, threads)}
            peers = [us for engine, us in here.items() if engine != "handgrad"]
            ratio = f"{min(peers) / here['handgrad']:8.2f}" if peers and "handgrad" in here else ""
            print(f"{name:<16}{threads:>8}" + "".join(f"{here.get(e, float('nan')):12.0f}" for e in engines) + ratio)
        print(f"{name:<16}bits {'equal' if len(digests) == 1 else f'DIFFER: {sorted(digests)}'}")


def main() -> None:
    """Measure one engine after another, for each number of threads that there are cores for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["handgrad", "torch", "jax"])
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one, options.threads[0], options.seconds)
        return
    most = len(os.sched_getaffinity(0))
    counts = [threads for threads in options.threads if threads <= most]
    rows = [
        row for threads in counts for engine in options.engines for row in measured(engine, threads, options.seconds)
    ]
    table(rows)
    if options.out:
        options.out.write_text(json.dumps({"cores": most, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
