"""Programs about arrays, by seed: each statement is run by NumPy as it is drawn, so shapes, dtypes and aliases are known.

    program = generate(17)
    print(program.source)

Unlike the programs of `tests.generator`, which return a float, these return arrays of any dtype, or raise.
"""

from tests.generator.arrays.draw import generate

__all__ = ["generate"]
