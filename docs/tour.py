"""The function that README.md and ARCHITECTURE.md follow."""


def growth(x, k):
    return k * x * (1.0 - x)


def grow(x, k, n):
    for _ in range(n):
        x = x + 0.1 * growth(x, k)
    return x


def refused(path, x):
    with open(path) as file:
        return x * float(file.read())
