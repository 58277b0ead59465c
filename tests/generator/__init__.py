"""Generated programs: well-defined Python that irad accepts, by seed. See `draw`."""

from tests.generator.draw import generate
from tests.generator.program import Program

__all__ = ["Program", "generate"]
