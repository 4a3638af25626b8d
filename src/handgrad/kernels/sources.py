"""Which source files, and which values, a kernel's machine code depends on: what the cache's key is made of."""

import ast
import functools
import hashlib
import importlib.util
import os
import platform
import re
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.serialize import dumps

Kernel = FunctionType  # one that is compiled, as it was written
HOUSE = __name__.partition(".")[0]
COMPILED_BY = str(Path(__file__).with_name("dispatch.py"))
VERSIONS = (platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__)
SWITCHES = (  # of Numba's configuration: those that change machine code; the processor's own the target knows
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
    "USING_SVML",
)
INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
# Parsing whole files would take a tenth of a second at every start.
STATEMENT = re.compile(r"(?:^|[;:])[ \t]*((?:from|import)\b(?:[^\n(;]*\([^)]*\)|(?:[^\n;\\]|\\\n)*))", re.MULTILINE)


def compiler_state() -> str:
    """What changes the machine code of every kernel: versions and switches."""
    return repr((VERSIONS, [str(getattr(config, name, None)) for name in SWITCHES]))


def digest_of(kernel: Kernel) -> str:
    """SHA-256 over the source file of `kernel`, all that it imports, directly or not, and what compiles it."""
    return _digest_of(kernel.__module__, kernel.__code__.co_filename)[0]


def changed(kernel: Kernel) -> float:
    """When one of these files was last written to, in seconds since 1970."""
    return _digest_of(kernel.__module__, kernel.__code__.co_filename)[1]


@functools.cache
def _digest_of(module: str, file: str) -> tuple[str, float]:
    package = module.partition(".")[0]
    files, waiting = {file, COMPILED_BY}, [(sys.modules.get(module), file)]
    while waiting:
        for imported in _imported(*waiting.pop()):
            path = getattr(imported, "__file__", None) or ""
            if path not in files and _followed(imported.__name__, path, package):
                files.add(path)
                waiting.append((imported, path))
    digest = hashlib.sha256("".join(sorted(_read(path)[0] for path in files)).encode()).hexdigest()
    return digest, max(_read(path)[2] for path in files)


def values(kernel: Kernel, seen: set[Kernel] | None = None) -> Iterator[str]:
    """The constants that `kernel` and the kernels that it calls find in their modules, and the sources of the latter.

    So a constant counts that was read from the environment, and a kernel that was imported in an unusual way.
    """
    seen = {kernel} if seen is None else seen
    names = set(_names(kernel.__code__))
    for name in sorted(names & kernel.__globals__.keys()):
        value = kernel.__globals__[name]
        if isinstance(value, ModuleType):
            for attribute in sorted(names & vars(value).keys()):
                yield from _value(attribute, vars(value)[attribute], seen)
        else:
            yield from _value(name, value, seen)


def closed_over(kernel: Kernel) -> Iterator[str]:
    """The values that `kernel` found where it was defined within another function; they tell it from its likes."""
    for name, cell in zip(kernel.__code__.co_freevars, kernel.__closure__ or (), strict=True):
        value = cell.cell_contents
        yield from list(_value(name, value, {kernel})) or [f"{name}={hashlib.sha256(dumps(value)).hexdigest()}"]


def _value(name: str, value: Any, seen: set[Kernel]) -> Iterator[str]:
    kernel = getattr(value, "py_func", None)
    if kernel is not None and kernel not in seen:
        seen.add(kernel)
        yield f"{name}={kernel.__qualname__} {digest_of(kernel)}"
        yield from values(kernel, seen)
    elif isinstance(value, np.ndarray):
        yield f"{name}={value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, int | float | complex | str | tuple | np.generic | np.dtype) and " at 0x" not in repr(value):
        yield f"{name}={value!r}"


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@functools.cache
def _read(file: str) -> tuple[str, tuple[ast.Import | ast.ImportFrom, ...], float]:
    """SHA-256 of a file, the imports in it, and when it was last written to."""
    content, status = Path(file).read_bytes(), os.stat(file)
    found: list[ast.Import | ast.ImportFrom] = []
    for statement in STATEMENT.findall(content.decode(errors="replace")):
        try:
            nodes = ast.parse(textwrap.dedent(statement)).body
        except SyntaxError:  # a sentence of a docstring
            continue
        found += [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return hashlib.sha256(content).hexdigest(), tuple(found), max(status.st_mtime, status.st_ctime)


def _imported(module: ModuleType | None, file: str) -> list[ModuleType]:
    """The modules that `module`, read from `file`, imports; those that are not loaded have given it nothing yet."""
    names = set()
    for node in _read(file)[1]:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            continue
        base = "." * node.level + (node.module or "")
        if node.level:
            base = importlib.util.resolve_name(base, getattr(module, "__package__", None) or "")
        submodules = {f"{base}.{alias.name}" for alias in node.names} & sys.modules.keys()
        names |= submodules if len(submodules) == len(node.names) else submodules | {base}
    return [sys.modules[name] for name in sorted(names & sys.modules.keys())]


def _followed(name: str, file: str, package: str) -> bool:
    """Not what others installed: from there kernels take constants, whose values are looked at."""
    return file.endswith(".py") and (name.partition(".")[0] in (package, HOUSE) or not file.startswith(INSTALLED))
