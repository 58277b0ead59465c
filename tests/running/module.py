"""Compiled functions as a module has them, for other processes to find."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import irad


def cubed(x: float) -> float:
    return x * x * x


@irad.compile
def decorated(x: float) -> float:
    return cubed(x) + 1.0


@irad.compile(debug_nans=True)
def with_option(x: float) -> float:
    return x * x


compiled = irad.compile(cubed)
gradient = irad.grad(cubed)
gradient_of_decorated = irad.grad(decorated)
second = irad.grad(irad.grad(decorated))
hessian = irad.hessian(cubed)


class Model(NamedTuple):
    scale: float

    @irad.compile
    def scaled(self, x: float) -> float:
        return self.scale * x


def loss(w: np.ndarray) -> float:
    return (w * w * w).sum()


gradient_of_arrays = irad.grad(loss)


@irad.compile
def failing(x: float) -> float:
    if x < 0.0:
        raise ValueError(f"{x} is negative")
    return x


@irad.compile
def refused(x: float) -> object:
    return {x: x}
