"""The language in which layers, losses, optimizers and schedules state their equations: read, printed, computed."""

from handgrad.equations.compute import Scope, evaluate, follow, numbers_of, products, target_shape
from handgrad.equations.parse import parse
from handgrad.equations.tree import (
    Derivative,
    Equation,
    Expression,
    Glyph,
    Indexed,
    Number,
    Statement,
    Symbol,
    at_steps,
    dressed,
    glyph_of,
    in_numbers,
    symbols,
    walk,
)
from handgrad.equations.write import Latex, MathML, Text, Writer
