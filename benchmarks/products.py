"""Products of square matrices called from Python, in microseconds: NumPy's, and irad's for a size known when it is compiled
(code of its own where it is moderate) and for sizes known at run time only (BLAS).

OPENBLAS_NUM_THREADS=1 python -m benchmarks.products [sizes...]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import irad
from benchmarks.linear_algebra import microseconds


def product(xy: tuple[Any, Any]) -> Any:
    return xy[0] @ xy[1]


def main(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    print(f"{'':6}{'n':>5}{'NumPy':>12}{'this size':>12}{'any size':>12}{'ratio':>8}")
    for dtype in ("f64", "f32"):
        for n in sizes:
            exact, general = (
                irad.compile(product, signature=f"({dtype}[{m},{k}], {dtype}[{k},{j}])") for m, k, j in ((n, n, n), "mkn")
            )
            xy = tuple(rng.standard_normal((n, n)).astype(np.float64 if dtype == "f64" else np.float32) for _ in range(2))
            times = [microseconds(f, xy) for f in (product, exact, general)]
            print(f"{dtype:6}{n:5}" + "".join(f"{t:12.2f}" for t in times) + f"{times[1] / times[0]:8.2f}")


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [4, 16, 64, 128, 256, 400, 512])
