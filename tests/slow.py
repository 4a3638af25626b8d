"""Parameters of which only some are quick: the others run in `make test-slow` and in CI."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def quick(values: Iterable[Any], chosen: Callable[[Any], bool] | Iterable[Any]) -> list[Any]:
    """All values for `parametrize`; those that are not chosen, by a list or by a question, are marked slow."""
    choose = chosen if callable(chosen) else list(chosen).__contains__
    return [value if choose(value) else as_slow(value) for value in values]


def as_slow(value: Any) -> Any:
    """Marked; a tuple that has no name of its own is several arguments."""
    if isinstance(value, type(pytest.param())):
        return pytest.param(*value.values, id=value.id, marks=[*value.marks, pytest.mark.slow])
    return pytest.param(*(value if type(value) is tuple else (value,)), marks=pytest.mark.slow)
