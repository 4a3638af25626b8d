"""What a notebook shows of a result: small tables and curves, as HTML that needs nothing else."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from handgrad.plugins import require_matplotlib

WIDTH, HEIGHT, EDGE = 240, 90, 3  # of curves, in pixels
COLOURS = ("#0072B2", "#D55E00", "#009E73")
Cell = str | float | None


def table_html(header: Sequence[str], rows: Iterable[Sequence[Cell]], title: str = "") -> str:
    """A table; numbers are aligned to the right, and printed with four digits."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    above = f"<div>{escape(title)}</div>" if title else ""
    return (
        f'{above}<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return f'<td style="text-align:left">{escape(value)}</td>'
    text = "" if value is None or math.isnan(value) else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    return f'<td style="text-align:right">{text}</td>'


def curves_html(title: str, curves: Mapping[str, Sequence[float]]) -> str:
    """One small picture of several curves over the same epochs, the last value of each beside its name."""
    known = {name: values for name, values in curves.items() if any(map(math.isfinite, values))}
    finite = [value for values in known.values() for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    lines, names = [], []
    for colour, (name, values) in zip(COLOURS, known.items(), strict=False):
        across, up = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1), (HEIGHT - 2 * EDGE) / ((high - low) or 1)
        points = [(EDGE + across * x, HEIGHT - EDGE - up * (y - low)) for x, y in enumerate(values) if math.isfinite(y)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        names.append(f'<span style="color:{colour}">{escape(name)} {values[-1]:.4g}</span>')
    frame = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#9a9a9a"/>'
    label = escape(f"{title}: from {low:.4g} to {high:.4g}")
    return (
        f'<div style="display:inline-block;margin:4px 8px">{escape(title)}: {", ".join(names)}<br>'
        f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}">{frame}{"".join(lines)}</svg></div>'
    )


def show_figures() -> None:
    """Have a notebook show Matplotlib's figures, also those that pyplot has not made.

    Raises  UsageError without Matplotlib.
    """
    require_matplotlib()
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(shell, {"png"})
