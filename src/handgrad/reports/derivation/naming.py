"""What the arrays of a network are called on paper.

A layer with weights begins a new number l: its output is Z^(l), and what follows up to the next such layer is U^(l),
V^(l), …, the last of it A^(l). So a network of dense layers and activations reads as in a textbook, Z^(l) and A^(l) in
turn, and the gradient of the loss by Z^(l) is its δ^(l).
"""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from handgrad.equations import Glyph, glyph_of
from handgrad.nn import Network

BETWEEN = "UVHGRE"
SYMBOLS = {"weight": "W", "bias": "b"}


class Names(NamedTuple):
    """Glyphs of the batch before and after each layer, of the loss's gradients by them, and of the parameters."""

    numbers: list[int]
    arrays: list[Glyph]
    gradients: list[Glyph]
    parameters: list[dict[str, Glyph]]


def names_of(network: Network) -> Names:
    """The names for one network, layer by layer."""
    begins = [any(part.penalised for part in plan.parameters) for plan in network.plans]
    numbers = [sum(begins[: place + 1]) for place in range(len(begins))]
    arrays = _arrays([0, *numbers], [True, *begins])
    gradients = [replace(g, letter="δ") if g.letter == "Z" else replace(g, gradient=True) for g in arrays]
    return Names(numbers, arrays, gradients, _parameters(network, numbers))


def symbol_of(parameter: str) -> str:
    """The name by which equations call a parameter."""
    return SYMBOLS.get(parameter, parameter)


def _arrays(numbers: list[int], begins: list[bool]) -> list[Glyph]:
    glyphs = []
    for place, number in enumerate(numbers):
        members = [other for other, its in enumerate(numbers) if its == number]
        at, last = place - members[0], place == members[-1]
        first = at == 0 and begins[place]
        letter = ("Z" if number else "A" if last else "X") if first else "A" if last else _between(at - 1)
        below = str((at - 1) // len(BETWEEN) + 1) if not (first or last) and at > len(BETWEEN) else ""
        glyphs.append(Glyph(letter, above=f"({number})" if letter != "X" else "", below=below))
    return glyphs


def _between(place: int) -> str:
    return BETWEEN[place % len(BETWEEN)]


def _parameters(network: Network, numbers: list[int]) -> list[dict[str, Glyph]]:
    """With the layer's number above; a second one of a name under the same number has a 2 below."""
    taken: Counter[tuple[int, str]] = Counter()
    found: list[dict[str, Glyph]] = []
    for plan, number in zip(network.plans, numbers, strict=True):
        found.append({})
        for part in plan.parameters:
            taken[number, part.name] += 1
            again = taken[number, part.name]
            glyph = replace(glyph_of(part.name), above=f"({number})")
            found[-1][symbol_of(part.name)] = replace(glyph, below=str(again)) if again > 1 else glyph
    return found
