"""The operations of irad's IR; importing this package fills the registry."""
from irad.primitives import control, scalar, structure
from irad.primitives.table import REGISTRY, Missing, Primitive, primitive

__all__ = ["REGISTRY", "Missing", "Primitive", "control", "primitive", "scalar", "structure"]
