"""The language of equations: what it reads, what it computes, and what it refuses."""

import numpy as np
import pytest

from handgrad.equations import evaluate, parse, symbols
from handgrad.errors import UsageError

X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
W = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]])


def computed(text, **arrays):
    """The last step of one equation."""
    (equation,) = parse(text)
    return evaluate(equation, arrays)[-1]


# Worked by hand; X is (2, 3), W is (3, 2).
WORKED = {
    "matrix product": ("Y = X @ W", [[7, 0], [-8, 13]]),
    "transpose": ("Y = W.T @ X.T", [[7, -8], [0, 13]]),
    "sum over an axis": ("y[j] = sum(X[n,j], n)", [5, 3, -3]),
    "product by indices": ("Y[n,k] = sum(X[n,j] * W[j,k], j)", [[7, 0], [-8, 13]]),
    "zero outside": ("Y[n,j < 3] = X[n, j - 1]", [[0, 1, -2], [0, 4, 5]]),
    "not the last from behind": ("y[n] = X[n, 0 - 1] + X[n, 3]", [0, 0]),
    "bounded": ("y[n] = sum(X[n, 2*u], u < 2)", [4, -2]),
    "largest": ("y[n] = largest(X[n,j], j)", [3, 5]),
    "argmax": ("y[n] = argmax(X[n,j], j)", [2, 1]),
    "comparison": ("Y = X > 0", [[1, 0, 1], [1, 1, 0]]),
    "chain of comparisons": ("Y = 0 <= X < 4", [[1, 0, 1], [0, 0, 0]]),
    "identity matrix": ("Y[n < 2,k < 3] = n == k", [[1, 0, 0], [0, 1, 0]]),
    "cases": ("Y = where(X > 0, X, 0.5 * X)", [[1, -1, 3], [4, 5, -3]]),
    "minus before a product": ("y[n] = -1/2 * X[n, 0]", [-0.5, -2]),
    "power": ("Y = X^2 - X**2 + 2^3^1", [[8, 8, 8]] * 2),
    "a minus binds less than a power": ("y[n] = -X[n, 0]^2", [-1, -16]),
    "whole numbers": ("y[n] = X[n, 5 // 2] + 5 % 3", [5, -4]),
    "nested sums": ("y[n] = sum(X[n,j] * sum(W[j,k], k), j)", [7, 5]),
    "bounds on the left": ("Y[a < 2,b < 2] = 10 * a + b", [[0, 1], [10, 11]]),
}


@pytest.mark.parametrize(("text", "expected"), WORKED.values(), ids=WORKED.keys())
def test_by_hand(text, expected):
    np.testing.assert_array_equal(computed(text, X=X, W=W), expected)


def test_a_later_line_and_every_step():
    first, second = parse("a = 2 * x;  y = d(a, x) = a * x = 2 * x^2  # twice the square")
    known = {"x": 3.0}
    known["a"] = evaluate(first, known)[-1]
    assert evaluate(second, known) == [18, 18]  # the derivative is named, not computed
    assert (second.reason, second.name, symbols(second)) == ("twice the square", "y", {"a", "x", "y"})


def test_lines_that_go_on():
    (equation,) = parse("y = x\n    + 1\n    = 1 + x  # one more; that is all")
    assert len(equation.steps) == 2
    assert equation.reason == "one more; that is all"


def test_some_places_only():
    (equation,) = parse("Y[n,k] = sum(X[n,j] * W[j,k], j)")
    (values,) = evaluate(equation, {"X": X, "W": W}, np.array([1, 3]))
    np.testing.assert_array_equal(values, [0, 13])


def test_in_pieces_as_at_once(monkeypatch):
    (equation,) = parse("Y[n,k] = sum(X[n,j] * W[j,k], j)")
    whole = evaluate(equation, {"X": X, "W": W})
    monkeypatch.setattr("handgrad.equations.compute.AT_ONCE", 3)
    np.testing.assert_array_equal(evaluate(equation, {"X": X, "W": W}), whole)


def test_choices_tell_where_the_kinks_are():
    (equation,) = parse("y = max(x, 0)")
    sides = []
    for x in (-1.0, -2.0, 1.0):
        choices = []
        evaluate(equation, {"x": np.array(x)}, choices=choices)
        sides.append([bool(choice) for choice in choices])
    assert sides == [[True], [True], [False]]


REFUSED = {
    "words": ("w is made smaller", "no ` = ` in it"),
    "no Python": ("y = 2 ** ", "invalid syntax"),
    "attribute": ("y = x.real", "unknown: x.real"),
    "call of anything": ("y = __import__(x)", "no function __import__ of 1 arguments"),
    "too many arguments": ("y = exp(x, x)", "no function exp of 2 arguments"),
    "text": ("y = 'x'", "unknown: 'x'"),
    "elements of an expression": ("y = (x + 1)[0]", "only a symbol has elements"),
    "a number on the left": ("2 = x", "its left side is no symbol"),
    "a strange index": ("y = sum(x, 1)", "an index is a name"),
    "lambda": ("y = (lambda: 0)()", "unknown"),
    "keyword": ("y = exp(x=1)", "unknown"),
    "relation": ("y = x in x", "unknown relation In"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(text, why):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


UNDEFINED = {
    "a symbol": ("y = z", "uses z, which nothing defines"),
    "a range": ("y[k] = 1", "how far the index k of y goes"),
    "a sum's range": ("y = sum(2 * i, i)", "how far the index i goes"),
    "axes": ("y[n] = X[n]", "X has 2 axes, but 1 indices"),
    "two ranges": ("y[n] = X[n,n]", "goes to 2 and to 3"),
    "a derivative": ("y[n] = sum(X[n,m], m) + sum(v, q)", "how far the index q goes"),
}


@pytest.mark.parametrize(("text", "why"), UNDEFINED.values(), ids=UNDEFINED.keys())
def test_refuses_to_compute(text, why):
    with pytest.raises(UsageError, match=why):
        computed(text, X=X)
