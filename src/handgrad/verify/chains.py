"""Which of many arrays are the weights of a network: those whose shapes follow one another."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
DEEPEST = 8
MOST_MATRICES = 10


class Chain(NamedTuple):
    """Paths of weight matrices from the input on; `transposed` where they are (units, inputs)."""

    paths: tuple[str, ...]
    transposed: bool
    widths: tuple[int, ...]


def natural(path: str) -> list[Any]:
    """A key that sorts numbers in a path by their size."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def groups(paths: Sequence[str]) -> dict[str, list[str]]:
    """Paths that differ in numbers alone, sorted; a number that is the same in all of a group's is part of its name."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths, key=natural):
        found.setdefault(re.sub(r"\d+", "#", path), []).append(path)
    return found


def chains(arrays: Mapping[str, Array], ends: tuple[int, int] | None = None) -> Iterator[Chain]:
    """Every group of matrices that could be a network's weights, the longest first; then any that fit together.

    `ends` are the widths of input and output, where they are known.
    """
    matrices = {path: array.shape for path, array in arrays.items() if array.ndim == 2 and min(array.shape) > 0}
    found = []
    for members in groups(list(matrices)).values():
        for order in (members, members[::-1]):
            for transposed in (False, True):
                shapes = [matrices[path][::-1] if transposed else matrices[path] for path in order]
                if all(one[1] == two[0] for one, two in pairwise(shapes)):
                    found.append(Chain(tuple(order), transposed, (shapes[0][0], *(shape[1] for shape in shapes))))
            if len(members) == 1:
                break
    found.sort(key=lambda chain: -len(chain.paths))
    whole = [chain for chain in found if not ends or (chain.widths[0], chain.widths[-1]) == ends]
    yield from whole
    if ends:
        for transposed in (False, True):
            yield from _paths(matrices, ends, transposed, [])
        inner = [
            chain
            for transposed in (False, True)
            for each in sorted(set(matrices.values()))[:MOST_MATRICES]
            for other in sorted(set(matrices.values()))[:MOST_MATRICES]
            for chain in _paths(matrices, (each[transposed], other[not transposed]), transposed, [])
        ]
        found += inner if len(matrices) <= MOST_MATRICES else []
        found.sort(key=lambda chain: -len(chain.paths))
    yield from (chain for chain in found if chain not in whole)


def _paths(
    matrices: Mapping[str, tuple[int, ...]], ends: tuple[int, int], transposed: bool, start: list[str]
) -> Iterator[Chain]:
    """Every way through matrices of several names from the input to the output."""
    oriented = {path: shape[::-1] if transposed else shape for path, shape in matrices.items()}
    width = oriented[start[-1]][1] if start else ends[0]
    if start and width == ends[1]:
        yield Chain(tuple(start), transposed, (ends[0], *(oriented[path][1] for path in start)))
    if len(start) < DEEPEST:
        for path, shape in oriented.items():
            if shape[0] == width and path not in start:
                yield from _paths(matrices, ends, transposed, [*start, path])


def vectors(arrays: Mapping[str, Array], widths: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Every group of vectors, also as a row or a column, of these lengths in this order."""
    sizes = {path: a.size for path, a in arrays.items() if a.ndim <= 2 and (a.ndim < 2 or 1 in a.shape) and a.size}
    for members in groups(list(sizes)).values():
        for order in (members, members[::-1]):
            if [sizes[path] for path in order] == list(widths):
                yield tuple(order)
    candidates = [[path for path, size in sizes.items() if size == width] for width in widths]
    if all(candidates) and np.prod([len(each) for each in candidates]) <= 64:
        yield from _distinct(candidates, ())


def _distinct(candidates: Sequence[Sequence[str]], start: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(start) == len(candidates):
        yield start
        return
    for path in candidates[len(start)]:
        if path not in start:
            yield from _distinct(candidates, (*start, path))
