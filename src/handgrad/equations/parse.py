"""From text to trees. Python's own parser reads the text; what it finds is walked, never run.

A line is `target = expression`, with further ` = expression` for the steps of a derivation, and `# why` behind it:

    Y = X @ W + b                                          whole arrays: @ is the matrix product, * element by element
    db[j] = sum(dY[n, j], n)                               elements: sums over the axes that their indices stand for
    Y[n,c,i,j] = largest(X[n,c,2*i+u,2*j+v], u < 2, v < 2)     ... or below a bound; outside of an array all is 0
    dX = dY * d(Y, X) = dY * (X > 0)                       d(a, b) names a derivative; a comparison is 1 or 0
    s = where(t > 1, beta * s + 1, 1)                      one of two values; ^ and ** are powers
"""

import ast
from collections.abc import Iterable

from handgrad.equations import tree
from handgrad.errors import UsageError

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
RELATIONS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
FUNCTIONS = {"exp": 1, "log": 1, "sqrt": 1, "tanh": 1, "erf": 1, "cos": 1, "abs": 1, "sign": 1, "floor": 1, "norm": 1}
FUNCTIONS |= {"atan": 1, "min": 2, "max": 2}
REDUCTIONS = ("sum", "largest", "argmax")


def parse(text: str) -> list[tree.Equation]:
    """The equations in lines or between semicolons; what begins with an operator goes on.  Raises  UsageError."""
    return [_equation(written, reason) for written, reason in _lines(text)]


def _equation(written: str, reason: str) -> tree.Equation:
    target, *steps = (part.strip() for part in written.split(" = "))
    try:
        if not steps:
            raise ValueError("no ` = ` in it")
        left, bounds = _target(_read(target))
        return tree.Equation(left, tuple(_expression(_read(step)) for step in steps), reason, bounds)
    except (SyntaxError, ValueError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise UsageError(f"this is no equation: {' '.join(written.split())!r} ({why})") from error


def _lines(text: str) -> list[tuple[str, str]]:
    """Each line with the reason behind it."""
    lines: list[tuple[str, str]] = []
    for line in text.splitlines():
        code, _, reason = line.partition("#")
        for part in filter(None, map(str.strip, code.split(";"))):
            if lines and part[0] in "+-*/=":
                lines[-1] = f"{lines[-1][0]} {part}", lines[-1][1]
            else:
                lines.append((part, ""))
        if reason and lines:
            lines[-1] = lines[-1][0], reason.strip()
    return lines


def _read(text: str) -> ast.expr:
    return ast.parse(text.replace("^", "**"), mode="eval").body


def _target(node: ast.expr) -> tuple[tree.Symbol | tree.Indexed, tuple[tree.Index, ...]]:
    if isinstance(node, ast.Name):
        return tree.Symbol(node.id), ()
    if not isinstance(node, ast.Subscript):
        raise ValueError("its left side is no symbol")
    indices = [_index(part) for part in _elements(node.slice)]
    bounds = tuple(index for index in indices if index.bound is not None)
    return tree.Indexed(_symbol(node.value), tuple(tree.Symbol(index.name) for index in indices)), bounds


def _expression(node: ast.expr) -> tree.Expression:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return tree.Number(value)
        case ast.Name(id=name):
            return tree.Symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return tree.Negative(_expression(operand))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return _binary(OPERATORS[type(operator)], _expression(left), _expression(right))
        case ast.Compare(left=first, ops=relations, comparators=others):
            if unknown := [relation for relation in relations if type(relation) not in RELATIONS]:
                raise ValueError(f"unknown relation {type(unknown[0]).__name__}")
            return tree.Comparison(_all([first, *others]), tuple(RELATIONS[type(relation)] for relation in relations))
        case ast.Subscript(value=array, slice=indices):
            return tree.Indexed(_symbol(array), _all(_elements(indices)))
        case ast.Attribute(value=value, attr="T"):
            return tree.Transpose(_expression(value))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments)
    raise ValueError(f"unknown: {ast.unparse(node)}")


def _binary(operator: str, left: tree.Expression, right: tree.Expression) -> tree.Expression:
    """A minus at the beginning of a product is one of the whole product, as it is written on paper."""
    if isinstance(left, tree.Negative) and operator in ("*", "/"):
        return tree.Negative(tree.Binary(operator, left.of, right))
    return tree.Binary(operator, left, right)


def _call(name: str, arguments: list[ast.expr]) -> tree.Expression:
    if name in REDUCTIONS and len(arguments) > 1:
        return tree.Reduction(name, _expression(arguments[0]), tuple(_index(node) for node in arguments[1:]))
    if name == "where" and len(arguments) == 3:
        return tree.Cases(*_all(arguments))
    if name == "d" and len(arguments) == 2:
        return tree.Derivative(*_all(arguments))
    if FUNCTIONS.get(name) == len(arguments):
        return tree.Call(name, _all(arguments))
    raise ValueError(f"no function {name} of {len(arguments)} arguments")


def _index(node: ast.expr) -> tree.Index:
    match node:
        case ast.Name(id=name):
            return tree.Index(name)
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Lt()], comparators=[bound]):
            return tree.Index(name, _expression(bound))
    raise ValueError(f"an index is a name, or a name below a bound, not {ast.unparse(node)}")


def _symbol(node: ast.expr) -> tree.Symbol:
    if not isinstance(node, ast.Name):
        raise ValueError(f"only a symbol has elements, not {ast.unparse(node)}")
    return tree.Symbol(node.id)


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _all(nodes: Iterable[ast.expr]) -> tuple[tree.Expression, ...]:
    return tuple(_expression(node) for node in nodes)
