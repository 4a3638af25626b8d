"""Plotly's own figures within a page that needs nothing else: the library stands in it, packed."""

import base64
import gzip
from functools import cache
from importlib.util import find_spec

BEST = 9  # of gzip's levels: a page of 2 MB in place of 5


def has_plotly() -> bool:
    """Whether the library is there to be put into a page."""
    return find_spec("plotly") is not None


@cache
def packed_library() -> str:
    """plotly.js as base64 of gzip, which every browser of today can unpack; the same text each time."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), BEST, mtime=0)).decode()
