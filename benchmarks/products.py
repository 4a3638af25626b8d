"""Products of dense layers against the processor's peak: forward, dW and dX of 64 to 256 images, widths 512 to 4096.

    python benchmarks/products.py [--batches 64 128 256] [--widths 512 1000 1024 2000 2048 4096] [--turns 7]

The peak is that of the register tile alone, everything in the first-level cache, measured again in every turn. All by
the thread's processor time, least of the calls. Prints GFLOP/s and its share of the peak, and what is below the bars.
"""

import argparse
import time
from typing import Any

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.matmul import matmul, matmul_transposed_a, matmul_transposed_b
from handgrad.kernels.packed import INNER, plain_tile
from handgrad.kernels.program import aligned_zeros

BARS = (0.85, 0.75)
COUNT, TILES, CALLS = INNER // 2, 20_000, 4


@fast_kernel
def tiles(a: Any, panel: Any, c: Any, width: Any, times: Any) -> None:
    """The same tile of a product, over and over."""
    for _ in range(times):
        plain_tile(a, (0, 1, ROWS), panel, c, (0, width), COUNT, 1, panel, (0, 0, 0, 0, 0, 0))


def seconds(task: Any, *arguments: Any) -> float:
    """Of this thread on its processor, for one call."""
    begin = time.thread_time()
    task(*arguments)
    return time.thread_time() - begin


def tile_rate() -> float:
    """GFLOP/s of the register tile."""
    width = 2 * VECTOR_BYTES // 4
    a, panel, c = (aligned_zeros(size, np.float32) for size in (ROWS * COUNT, COUNT * width, ROWS * width))
    for array in (a, panel, c):
        array[:] = 1
    return 2 * ROWS * width * COUNT * TILES / 1e9 / seconds(tiles, a, panel, c, width, TILES)


def rates(batch: int, width: int, turns: int) -> dict[str, float]:
    """GFLOP/s of the peak, forward, dW and dX of a dense layer of so many inputs and units."""
    generator = np.random.default_rng(0)
    x, dx, y, w, dw = (aligned_zeros(rows * width, np.float32) for rows in (batch, batch, batch, width, width))
    for array in (x, y, w):
        generator.random(out=array, dtype=np.float32)
    calls = {
        "forward": (matmul, batch, width, width, x, w, dx, 0, width),
        "dW": (matmul_transposed_a, width, width, batch, x, y, dw, 0, width),
        "dX": (matmul_transposed_b, batch, width, width, y, w, dx, 0, width),
    }
    best = dict.fromkeys(("peak", *calls), 0.0)
    for _ in range(turns + 1):
        best["peak"] = max(best["peak"], tile_rate())
        for name, call in calls.items():
            fastest = min(seconds(*call) for _ in range(CALLS))
            best[name] = max(best[name], 2 * batch * width**2 / 1e9 / fastest)
    return best


def main() -> None:
    """Print a table of rates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 1000, 1024, 2000, 2048, 4096])
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    shares = []
    print("| batch x width^2 | peak | forward | dW | dX |\n|---|---:|---:|---:|---:|")
    for batch in options.batches:
        for width in options.widths:
            peak, *found = rates(batch, width, options.turns).values()
            shares += [rate / peak for rate in found]
            cells = " | ".join(f"{rate:.0f} ({100 * rate / peak:.0f} %)" for rate in found)
            print(f"| {batch} x {width} | {peak:.0f} | {cells} |", flush=True)
    for bar in BARS:
        print(f"{sum(share < bar for share in shares)} of {len(shares)} are below {100 * bar:.0f} % of the peak")


if __name__ == "__main__":
    main()
