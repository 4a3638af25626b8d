"""The nearest right spelling of a word that is none."""

import difflib
from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ": did you mean X?" for the closest of `known`, or a full stop when none is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f": did you mean {close[0]}?" if close else "."
