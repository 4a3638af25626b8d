"""The nodes of a syntax tree, two or three times as quick as `ast.walk`: several tests look at the whole of src."""

import ast
from collections.abc import Iterator


def nodes(tree: ast.AST, expressions: bool = True) -> Iterator[ast.AST]:
    """The tree and all below it; without expressions, in which no statement stands, and what they hold."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        for value in vars(node).values():
            for each in value if type(value) is list else (value,):
                if isinstance(each, ast.AST) and (expressions or not isinstance(each, ast.expr)):
                    pending.append(each)
