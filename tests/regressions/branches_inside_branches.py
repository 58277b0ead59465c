"""InternalError, llvm grad: a result of a branch inside a branch inside a branch, computed again in a reverse loop, was looked
for where the forward loop has it.

Shrunk from `python -m tests.fuzz --only 700053`.
"""


def program(x, n):
    for _ in range(1, n, 3):
        for _, (_, u) in enumerate(zip([0.5, 0.5, 0.5], [x, x, x])):
            if u:
                total = 0
                for _ in range(1):
                    total += max(x, 0.5)
                return total
    return 0.5


CASES = [(program, (1.5, 2))]
