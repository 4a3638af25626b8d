"""Makes strokes.json: `python -m tests.serve.make_strokes`, once, where the real MNIST is.

The first five test images of each digit, which no network of ours is trained on, are thinned to lines of one pixel; the
lines, followed from end to end or crossing, are what a hand draws. Nothing is chosen by what a network makes of it.
"""

import json
from pathlib import Path

import numpy as np
from skimage.measure import approximate_polygon
from skimage.morphology import skeletonize

from handgrad import data

FILE = Path(__file__).with_name("strokes.json")
EACH, ENLARGED, TOLERANCE = 5, 4, 1.0  # images of a digit; pixels for a pixel, and those that a line may be off
DOT = 3  # pixels: shorter lines are what thinning leaves at corners


def main() -> None:
    """Writes the file: a digit, the number of its test image, strokes of points (x, y) from 0 to 1."""
    mnist = data.load("mnist")
    chosen = [row for digit in range(10) for row in np.flatnonzero(mnist.y_test == digit)[:EACH]]
    rows = [
        {"digit": int(mnist.y_test[row]), "image": int(row), "strokes": strokes(mnist.x_test[row])} for row in chosen
    ]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    FILE.write_text(f"[\n{lines}\n]\n")


def strokes(image: np.ndarray) -> list[list[tuple[float, float]]]:
    """The lines in the middle of what is drawn."""
    large = np.kron(image, np.ones((ENLARGED, ENLARGED)))
    padded = np.pad(large, 1)
    thin = skeletonize(padded > 96)
    left = {(int(y), int(x)): set() for y, x in zip(*np.nonzero(thin), strict=True)}
    for (y, x), near in left.items():
        straight = [(y + a, x + b) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1)) if (y + a, x + b) in left]
        near.update(straight)
        for a, b in ((-1, -1), (-1, 1), (1, -1), (1, 1)):  # where no way leads around the corner
            if (y + a, x + b) in left and not {(y + a, x), (y, x + b)} & left.keys():
                near.add((y + a, x + b))
    found = []
    while any(left.values()):
        ends = [point for point, near in left.items() if len(near) % 2 == 1]
        at = min(ends or [point for point, near in left.items() if near])
        path = [at]
        while left[at]:
            ahead = np.subtract(path[-1], path[-4]) if len(path) > 3 else np.zeros(2)
            after = max(left[at], key=lambda point: float(np.subtract(point, path[-1]) @ ahead))  # straight on
            left[at].discard(after)
            left[after].discard(at)
            path.append(after)
            at = after
        if len(path) > DOT * ENLARGED or not found:
            line = approximate_polygon(np.array(path, float), TOLERANCE)
            size = ENLARGED * len(image)
            found.append([(round(float(x) / size, 3), round(float(y) / size, 3)) for y, x in line])
    return found


if __name__ == "__main__":
    main()
