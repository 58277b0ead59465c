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


def grown_while_iterated(x: float) -> float:
    xs, total = [x, 1.0], 0.0
    for t in xs:
        total += t
        if len(xs) < 3:
            xs.append(2.0)
    return total


@pytest.mark.parametrize(
    ("function", "args", "name"),
    [
        (rebound_behind_another_function, (1.5, 2), "rebound-capture"),
        (grown_while_iterated, (1.5,), "changed-while-iterated"),
    ],
)
def test_refused(function: Any, args: tuple[Any, ...], name: str) -> None:
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(function)(*args)
    assert caught.value.name == name
