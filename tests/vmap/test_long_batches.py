"""Batches so long that their loop looks at the outside (Ctrl-C) in between."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import irad

EXAMPLES = Path(irad.__file__).resolve().parents[1] / "examples" / "jacobians.py"
TASKS = runpy.run_path(str(EXAMPLES))["TASKS"]
SHORT, LONG = 100, 5000  # items: of a batch that does not look, and of one that does


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("sizes", ["known", "symbolic"])
def test_an_item_has_the_value_that_it_has_in_a_short_batch(name: str, sizes: str) -> None:
    """Parts of rows that are the same for all items stay in registers, across the look."""
    f, x = TASKS[name]
    n, m = len(x), len(f(x))
    xs = x * np.linspace(1.0, 1.02, LONG)[:, None]
    signature = f"f64[n,{n}] -> f64[n,{m},{n}]" if sizes == "symbolic" else None
    batch = irad.compile(irad.vmap(irad.jacobian(f)), signature=signature, threads=1)
    short = irad.compile(irad.vmap(irad.jacobian(f)), threads=1)
    for start in (0, LONG // 2, LONG - SHORT):
        np.testing.assert_allclose(batch(xs)[start : start + SHORT], short(xs[start : start + SHORT]), rtol=1e-13, atol=1e-12)
