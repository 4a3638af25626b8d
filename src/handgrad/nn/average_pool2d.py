"""The mean of each window."""

from dataclasses import dataclass

from handgrad.equations import Statement
from handgrad.kernels.pooling import average_pool_backward, average_pool_forward
from handgrad.nn.images import Pool2D, image_shape, pair
from handgrad.nn.layer import Shape


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """The mean of each window."""

    kernels, module = (average_pool_forward, average_pool_backward), "AvgPool2d"
    aliases = "average_pool", "avg_pool", "avg_pool2d", "average_pooling", "average_pooling2d"

    def statement(self, shape: Shape) -> Statement:
        """Every number of a window has the same share."""
        pixel, window, place = self.indices()
        (height, width), (row, column) = pair(self.size), place.split(", ")
        inside = f"(0 <= {row} < {height}) * (0 <= {column} < {width})"
        return Statement(
            f"Y[n,c,i,j] = 1/{height * width} * sum({pixel}, {window})",
            f"dX[n,c,h,w] = sum(dY[n,c,i,j] * d(Y[n,c,i,j], X[n,c,h,w]), i, j)"
            f" = 1/{height * width} * sum(dY[n,c,i,j] * {inside}, i, j)",
            input=image_shape(shape, "a pool"),
        )
