"""Arrays across the call, on every backend: whose memory results are in, what a call that raises leaves, arrays in files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irad
from irad.compiled import BACKENDS

every_backend = pytest.mark.parametrize("backend", BACKENDS)


@every_backend
def test_results_share_memory_with_nothing(backend: str) -> None:
    def f(x: Any, y: Any) -> Any:
        z = x * 2.0
        return x, x[::-1], x.reshape(2, 2).T, y, y[0], z, z, z[1:], {"a": z.reshape(2, 2)[:, 0]}

    x, y = np.arange(4.0), np.ones((2, 3))
    *arrays, last = irad.compile(f, backend=backend)(x, y)
    arrays.append(last["a"])
    for a, b in itertools.combinations([x, y, *arrays], 2):
        assert not np.shares_memory(a, b)
    for a, want in zip(arrays, [*f(x, y)[:-1], f(x, y)[-1]["a"]], strict=True):
        assert np.array_equal(a, want)
        assert a.flags.c_contiguous
        assert a.flags.writeable


@every_backend
@pytest.mark.parametrize("at", [0, 1])
def test_a_call_that_raises_leaves_its_arguments_as_they_were(at: int, backend: str) -> None:
    """Where one of them cannot be written to, too."""

    def f(x: Any, y: Any) -> Any:
        x[0], y[0] = 5.0, 6.0
        return x[1]

    given = [np.zeros(2), np.zeros(2)]
    given[at].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        irad.compile(f, backend=backend)(*given)
    assert not np.any(given)


@every_backend
def test_an_array_in_a_file_is_an_array(backend: str, tmp_path: Path) -> None:
    def doubled(x: Any) -> Any:
        x[0] = 7.0
        return x * 2.0

    x = np.memmap(tmp_path / "numbers", float, "w+", shape=(3,))
    x[:] = [1.0, 2.0, 3.0]
    got = irad.compile(doubled, backend=backend)(x)
    assert type(got) is np.ndarray
    assert got.tolist() == [14.0, 4.0, 6.0]
    assert x.tolist() == [7.0, 2.0, 3.0]
