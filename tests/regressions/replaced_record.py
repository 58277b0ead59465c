"""`_replace` of a NamedTuple was taken for a function of the user's."""

from typing import NamedTuple


class P(NamedTuple):
    a: float
    b: float = 0.5


def program(x):
    p = P(x)
    p = p._replace(b=x * 2.0)
    return p.a * p.b


CASES = [(program, (1.5,))]
