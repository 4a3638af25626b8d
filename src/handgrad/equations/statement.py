"""What a part of a network states about itself, in the language of `handgrad.equations.parse`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Statement:
    """The equations of a layer bound to its input's shape, or of a loss.

    They are written with X and Y for the batch that comes in and goes out, first axis the images; dX and dY for the
    gradients of the loss by them; W, b for the parameters "weight" and "bias", others by their own names, their
    gradients with a d in front; N for the number of images. What a line defines, the lines below it may use.

    `values` gives further numbers by name, `saved` the name of an array of X's shape that the forward pass saved,
    such as a random mask. `input` is the shape in which X is indexed, where it is another than the layer before gave.
    """

    forward: str
    backward: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    saved: str = ""
    input: tuple[int, ...] | None = None
    remarks: tuple[str, ...] = ()
