"""`handgrad info`."""

import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version

from handgrad import kernels
from handgrad.cli.arguments import Parser
from handgrad.config.layer_list import NAMED, named_network
from handgrad.config.lookup import value_name
from handgrad.data import statuses
from handgrad.errors import UsageError
from handgrad.machine import available_cores
from handgrad.optim import OPTIMIZERS

PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "matplotlib", "torch", "wandb", "tensorboard")


def run_info(tokens: list[str]) -> int:
    """Print what is installed and found, or one optimizer's exact rule, or the networks that have a name."""
    arguments = Parser("info", words={"optimizers": ", ".join(OPTIMIZERS)}).arguments(tokens)
    lines = _rule(arguments.optimizer) if arguments.optimizer else _models() if arguments.models else _facts()
    for line in lines:
        print(line)
    return 0


def _rule(text: str) -> list[str]:
    try:
        name = value_name("optimizer", text, OPTIMIZERS)
    except ValueError as error:
        raise UsageError(f"optimizer {error} (--optimizer)") from error
    optimizer = OPTIMIZERS[name]
    defaults = ", ".join(f"{field} {value:g}" for field, value in vars(optimizer()).items())
    lines = [f"{name}: {(optimizer.__doc__ or '').strip().splitlines()[0]}", "", "rule, at step t with gradient g:"]
    lines += [f"    {line}" for line in optimizer.rule.splitlines()]
    decay = "; w = w - learning_rate * weight_decay * w" if optimizer.decoupled else " + weight_decay * w"
    before = f"g = g * min(1, clip_norm / |g|) + l1 * sign(w){decay}"
    lines += [f"before it: {before}   (penalties: weights only, not biases)", f"defaults: {defaults}"]
    lines += [f"reference: {optimizer.reference}", f"differences: {optimizer.differences}"]
    return [part for line in lines for part in _wrapped(line)]


def _models() -> list[str]:
    lines = ["networks for `handgrad train --model NAME`, for 10 classes:"]
    for name in NAMED:
        said = named_network(name)
        size = f"{said['parameters']:,} parameters, for images of {'x'.join(map(str, said['input']))}"
        lines += [f"  {name:<14}{size}", f"    {said['about']}", f"    {said['paper']}"]
    return [part for line in lines for part in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    """A line cut to 80 columns, going on under its own beginning."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, 80, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _facts() -> list[str]:
    lines = [f"handgrad {version('handgrad')}, Python {sys.version.split()[0]}"]
    lines += [f"{package:<14}{_version(package)}" for package in PACKAGES]
    lines.append(f"{'products':<14}handgrad's own, in vectors of {kernels.blocks.VECTOR_BYTES} bytes: no BLAS is used")
    lines.append(f"{'processor':<14}{kernels.processor.NAME}, {len(available_cores())} cores for this process")
    lines.append(f"{'threads':<14}--threads, or as many as pay, within OMP_NUM_THREADS; one result")
    lines.append(f"{'kernel cache':<14}{kernels.cache.cache_folder()}")
    lines.append("data sets:")
    for status in statuses():
        where = status.problem or status.place or "not here"
        lines.append(f"  {status.name:<14}{where}")
    return lines


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
