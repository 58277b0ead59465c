"""The optimized program as readable Python and NumPy, to read, to run and to step through."""

from irad.backends.source.emit import generate

__all__ = ["generate"]
