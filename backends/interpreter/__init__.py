"""The reference backend, on NumPy."""

from irad.backends.interpreter.run import interpret

__all__ = ["interpret"]
