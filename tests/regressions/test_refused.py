"""What irad once compiled wrongly and has to refuse."""

from __future__ import annotations

from typing import Any

import pytest

import irad


def rebound_behind_another_function(x: float, n: int) -> Any:
    y = x

    def twist() -> float:
        return y

    mix: Any = lambda t: t  # noqa: E731
    for _ in range(n):
        mix = (lambda g: lambda t: g(t) * 0.5 + twist())(mix)
    y = 3.0 * x
    return mix(x)


@pytest.mark.parametrize(("function", "args", "name"), [(rebound_behind_another_function, (1.5, 2), "rebound-capture")])
def test_refused(function: Any, args: tuple[Any, ...], name: str) -> None:
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(function)(*args)
    assert caught.value.name == name
