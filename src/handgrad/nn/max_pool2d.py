"""The maximum of each window."""

from dataclasses import dataclass

from handgrad.equations import Statement
from handgrad.kernels.pooling import max_pool_backward, max_pool_forward
from handgrad.nn.images import Pool2D, image_shape, moved, pair
from handgrad.nn.layer import Shape


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """The largest number of each window; its gradient goes to the first of equal ones."""

    kernels, module, places = (max_pool_forward, max_pool_backward), "MaxPool2d", True
    aliases = "max_pool", "max_pooling", "max_pooling2d", "pool"

    def statement(self, shape: Shape) -> Statement:
        """M tells for each window which of its numbers, counted row by row, is the first of the largest."""
        pixel, window, place = self.indices()
        number = moved("p", pair(self.size)[1], "q")
        _, rows, columns = self.plan(shape).output
        marked = f"M[n,c,i < {rows},j < {columns},{window.replace('u', 'p').replace('v', 'q')}]"
        return Statement(
            f"Y[n,c,i,j] = largest({pixel}, {window})",
            f"""
                {marked} = ({number} == argmax({pixel}, {window}))  # counted row by row; of equal ones the first
                dX[n,c,h,w] = sum(dY[n,c,i,j] * d(Y[n,c,i,j], X[n,c,h,w]), i, j)
                    = sum(dY[n,c,i,j] * M[n,c,i,j,{place}], i, j)
            """,
            input=image_shape(shape, "a pool"),
        )
