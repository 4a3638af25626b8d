"""The language in which layers, losses, optimizers and schedules state their equations: read, printed, computed."""

from handgrad.equations.compute import Scope, evaluate, products, target_shape
from handgrad.equations.glyphs import at_steps, dressed, glyph_of
from handgrad.equations.latex import Latex
from handgrad.equations.mathml import MathML
from handgrad.equations.parse import parse
from handgrad.equations.statement import Statement
from handgrad.equations.text import Text
from handgrad.equations.tree import (
    Derivative,
    Equation,
    Expression,
    Glyph,
    Indexed,
    Number,
    Symbol,
    in_numbers,
    symbols,
    walk,
)
from handgrad.equations.write import Writer
