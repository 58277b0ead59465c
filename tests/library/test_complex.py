"""Complex values against NumPy's: values, dtypes and derivatives, over shapes, layouts, dtypes and modes."""

import zlib

import pytest

from tests.library.agree import LAYOUTS, SHAPES, check
from tests.library.complex_cases import CASES

VARIANTS = 2  # of a call, in a sample


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of means of nothing
@pytest.mark.parametrize("text", [text for texts in CASES.values() for text in texts])
def test_calls(text, request):
    first = zlib.crc32(text.encode()) % 210
    count = len(SHAPES) * len(LAYOUTS) * 3 if request.config.getoption("--all-variants") else VARIANTS
    for variant in range(first, first + count):
        wrong = check(text, variant)
        assert not wrong, wrong
