"""Colourings keep their promise on random patterns, and are as small as is known for well-known ones."""

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, eye_array, random_array

from irad.sparsity.coloring import columns_apart, star


def plainly(f, *arrays):
    return f(*arrays)


def truth(pattern):
    return csr_array(pattern, dtype=bool)


def random_pattern(seed, symmetric=False):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 15, 2)
    shape = (int(n), int(n)) if symmetric else (int(m), int(n))
    found = random_array(shape, density=rng.uniform(0.05, 0.5), rng=rng).tocsr()
    return truth(found + found.T if symmetric else found)


def arrow(n):
    a = eye_array(n).tolil()
    a[0, :] = a[:, 0] = 1.0
    return truth(a.tocsr())


@pytest.mark.parametrize("seed", range(40))
def test_columns_of_one_colour_have_no_row_in_common(seed):
    pattern = random_pattern(seed)
    colors = columns_apart(pattern, plainly)
    for c in range(colors.max() + 1):
        assert pattern[:, np.flatnonzero(colors == c)].sum(axis=1).max() <= 1
    fewest = int(np.diff(pattern.indptr).max(initial=0))
    assert max(fewest, 1) <= colors.max() + 1 <= pattern.shape[1]


@pytest.mark.parametrize("seed", range(60))
def test_each_entry_of_a_symmetric_matrix_is_alone_in_a_sum(seed):
    pattern = random_pattern(seed, symmetric=True)
    colors = star(pattern, plainly)
    dense = pattern.toarray()
    sums = np.stack([dense[:, colors == c].sum(axis=1) for c in range(colors.max() + 1)], axis=1)
    for i, j in np.argwhere(dense):
        assert sums[i, colors[j]] == 1 or sums[j, colors[i]] == 1, (i, j)


def test_bands_have_as_many_colours_as_they_are_wide():
    for n, below in ((30, 1), (31, 2), (50, 4)):
        band = truth(
            diags_array([np.ones(n - abs(k)) for k in range(-below, below + 1)], offsets=range(-below, below + 1)).tocsr()
        )
        assert columns_apart(band, plainly).max() + 1 == 2 * below + 1
    three = truth(diags_array([np.ones(29), np.ones(30), np.ones(29)], offsets=[-1, 0, 1]).tocsr())
    assert star(three, plainly).max() + 1 == 3


def test_an_arrow_has_few_colours():
    """Its columns have a row in common, all of them; a symmetric one has two colours."""
    assert columns_apart(arrow(50), plainly).max() + 1 == 50
    assert star(arrow(50), plainly).max() + 1 == 2
    assert star(arrow(5000), plainly).max() + 1 == 2  # whose first column is left out while the others are coloured


def test_nothing_has_no_colours():
    assert star(truth(np.zeros((0, 0))), plainly).max(initial=-1) == -1
    assert columns_apart(truth(np.zeros((3, 0))), plainly).max(initial=-1) == -1
    assert columns_apart(truth(np.zeros((0, 4))), plainly).max() == 0
