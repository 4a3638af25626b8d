"""Images with what is said of them."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.pictures import Guesses, RightAndWrong, Samples
from handgrad.figures.sheets import GAP, MARGIN, Sheet, stack

PIXELS = (0.0, 255.0)
ACROSS, INCHES = 8, 0.76


def draw_samples(samples: Samples) -> Any:
    """Images in a row or more, each with its class below."""
    columns = min(len(samples.images), 10)
    inches = min(INCHES, (style.WIDTH - 2 * MARGIN) / columns / (1 + GAP))
    names = [_in_two_lines(name, 11) for name in samples.class_names]
    sheet = Sheet("", samples.images, columns, inches, PIXELS, names, 2 if any("\n" in name for name in names) else 1)
    return stack(f"One training image per class of {samples.dataset}, drawn at random", [sheet])


def draw_right_and_wrong(found: RightAndWrong) -> Any:
    """Two sheets: right answers above, wrong ones below, which also tell the true class."""
    right, names = found.tested - found.errors, found.class_names
    headings = (
        f"right: {right:,} of {found.tested:,}, drawn at random (predicted class, its probability)",
        f"wrong: {found.errors:,} of {found.tested:,}, the surest ones (true class, what was said, its probability)",
    )
    sheets = [
        Sheet(heading, guesses.images, ACROSS, INCHES, PIXELS, _texts(names, guesses), lines)
        for heading, guesses, lines in zip(headings, (found.right, found.wrong), (2, 3), strict=True)
    ]
    return stack(f"Right against wrong predictions on test images\n{style.cut(found.run, 90)}", sheets)


def _in_two_lines(name: str, width: int) -> str:
    """In at most two lines of about `width` letters."""
    first, _, rest = name.partition(" ") if len(name) > width else (name, "", "")
    return "\n".join(style.cut(part, width + 1) for part in (first, rest) if part)


def _texts(names: tuple[str, ...], guesses: Guesses) -> list[str]:
    return [
        _text(style.cut(names[true], 11), style.cut(names[predicted], 11), probability)
        for true, predicted, probability in zip(*guesses[2:], strict=True)
    ]


def _text(true: str, predicted: str, probability: float) -> str:
    percent = "" if np.isnan(probability) else f"{100 * probability:.1f} %"
    return f"{predicted}\n{percent}" if true == predicted else f"true: {true}\nsaid: {predicted}\n{percent}"
