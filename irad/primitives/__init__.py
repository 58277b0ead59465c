"""The operations of irad's IR; importing this package fills the registry."""

from irad.primitives import array, control, elements, fourier, gamma, linalg, list, products, reductions, scalar, structure
from irad.primitives.table import REGISTRY, Missing, Primitive, primitive

__all__ = [
    "REGISTRY",
    "Missing",
    "Primitive",
    "array",
    "control",
    "elements",
    "fourier",
    "gamma",
    "linalg",
    "list",
    "primitive",
    "products",
    "reductions",
    "scalar",
    "structure",
]
