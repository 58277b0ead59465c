"""Logistic regression on arrays: Newton's method with Hessian-vector products, no Hessian in memory.

`python examples/logistic.py` prints:

step 0: loss 0.69314718, gradient 2.5e-01
step 1: loss 0.46559881, gradient 5.6e-02
step 2: loss 0.44029884, gradient 1.2e-02
step 3: loss 0.43821552, gradient 1.2e-03
step 4: loss 0.43819278, gradient 1.4e-05
weights: 1.0467 -1.8496 0.4273 -0.2973
"""

import numpy as np

import irad


def loss(w, x, y):
    """Mean negative log-likelihood of labels y in {-1, 1}, and a little ridge."""
    return np.mean(np.log1p(np.exp(-y * (x @ w)))) + 0.5e-3 * np.sum(w * w)


def solve(product, b, n):
    """The solution of A s = b by conjugate gradients, for v -> A v."""
    s, r = np.zeros(n), b.copy()
    p, rr = r.copy(), r @ r
    for _ in range(10 * n):
        if rr < 1e-24:
            break
        q = product(p)
        t = rr / (p @ q)
        s, r = s + t * p, r - t * q
        p, rr = r + (r @ r) / rr * p, r @ r
    return s


def main():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(500, 4))
    y = np.where(x @ np.array([1.0, -2.0, 0.5, 0.0]) + draw.logistic(size=500) > 0.0, 1.0, -1.0)
    value_and_grad, product = irad.value_and_grad(loss), irad.hvp(loss)
    w = np.zeros(4)
    for step in range(5):
        value, gradient = value_and_grad(w, x, y)
        print(f"step {step}: loss {value:.8f}, gradient {np.abs(gradient).max():.1e}")
        w = w - solve(lambda v, w=w: product(w, x, y, v), gradient, 4)
    print("weights:", *[f"{v:.4f}" for v in w])


if __name__ == "__main__":
    main()
