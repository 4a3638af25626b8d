"""Images with what is said of them."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.pictures import Guesses, RightAndWrong, Samples

PIXELS = (0.0, 255.0)
TITLE = 0.55  # inches
ACROSS = 8


def draw_samples(samples: Samples) -> Any:
    """Images in a row or more, each with its class below."""
    columns = min(len(samples.images), 10)
    inches = min(0.62, (style.WIDTH - 0.3) / columns / 1.15)
    sheet = style.Sheet(columns, inches, 2)
    height = sheet.height(len(samples.images), samples.images.shape[1:])
    title = f"One training image per class of {samples.dataset}, drawn at random"
    figure, axes = style.new(title, height + TITLE)
    names = [wrapped(name, 11) for name in samples.class_names]
    sheet.draw(axes, samples.images, PIXELS, names)
    return figure


def draw_right_and_wrong(found: RightAndWrong) -> Any:
    """Two sheets: right answers above, wrong ones below, which also tell the true class."""
    names = found.class_names
    sheets = style.Sheet(ACROSS, 0.76, 2, gap=0.14), style.Sheet(ACROSS, 0.76, 3, gap=0.14)
    shape = found.right.images.shape[1:]
    counts = len(found.right.images), len(found.wrong.images)
    heights = [max(sheet.height(count, shape), 0.3) for sheet, count in zip(sheets, counts, strict=True)]
    title = f"Right against wrong predictions on test images\n{style.cut(found.run, 90)}"
    figure, axes = style.grid(title, sum(heights) + 1.25, 2, 1, gridspec_kw={"height_ratios": heights})
    headings = (
        f"right: {found.tested - found.errors:,} of {found.tested:,}, drawn at random (predicted class, probability)",
        f"wrong: {found.errors:,} of {found.tested:,}, the surest ones (true class, what was said, probability)",
    )
    for each, heading, sheet, guesses in zip(axes[:, 0], headings, sheets, found[2:4], strict=True):
        each.set_title(heading)
        texts = [_text(names, guesses, n) for n in range(len(guesses.rows))]
        _sheet(each, sheet, guesses, texts)
    return figure


def wrapped(name: str, width: int) -> str:
    """In at most two lines of about `width` letters."""
    first, _, rest = name.partition(" ") if len(name) > width else (name, "", "")
    return "\n".join(style.cut(part, width + 1) for part in (first, rest) if part)


def _sheet(axes: Any, sheet: style.Sheet, guesses: Guesses, texts: list[str]) -> None:
    if len(texts):
        sheet.draw(axes, guesses.images, PIXELS, texts)
    else:
        axes.set_axis_off()
        axes.text(0, 0.5, "none")


def _text(names: tuple[str, ...], guesses: Guesses, n: int) -> str:
    predicted = style.cut(names[guesses.predicted[n]], 13)
    sure = guesses.probability[n]
    percent = "" if np.isnan(sure) else f"{100 * sure:.1f} %"
    if guesses.true[n] == guesses.predicted[n]:
        return f"{predicted}\n{percent}"
    return f"true: {style.cut(names[guesses.true[n]], 11)}\nsaid: {predicted}\n{percent}"
