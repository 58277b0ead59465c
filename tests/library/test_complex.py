"""Complex values against NumPy's: values, dtypes and derivatives, over shapes, layouts, dtypes and modes."""

import zlib

import pytest

from tests.library.agree import VARIANTS, check
from tests.library.complex_cases import CASES


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of means of nothing
@pytest.mark.parametrize("text", [text for texts in CASES.values() for text in texts])
def test_calls(text, request):
    first = zlib.crc32(text.encode()) % VARIANTS
    for variant in range(first, first + (VARIANTS if request.config.getoption("--all-variants") else 1)):
        wrong = check(text, variant)
        assert not wrong, wrong
