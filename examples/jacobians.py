"""Jacobians by elimination: four functions of Lohoff and Neftci (2024), and what the order of elimination costs.

`python examples/jacobians.py` prints how many products of partials each order leaves to the compiled program:

products          forward  reverse  markowitz
RoeFlux_1d            288      203        277
RobotArm_6DOF         159      186        138
HumanHeartDipole       48       52         48
PropaneCombustion      26       26         24
"""

import numpy as np

import irad


def sides(density, momentum, energy):
    """Velocity, pressure and enthalpy of a gas at one side of a face."""
    velocity = momentum / density
    pressure = -0.5 * (energy - (0.5 * momentum**2) / density)
    enthalpy = (energy + pressure) / density
    return velocity, pressure, enthalpy


def flux(momentum, energy, density, pressure):
    velocity = momentum / density
    return momentum, pressure + momentum * velocity, velocity * (pressure + energy)


def roe_flux(x):
    """Roe's approximate flux between two states of a gas: density, momentum and energy of the left, then of the right."""
    l0, l1, l2, r0, r1, r2 = x
    d0 = r0 - l0
    g = np.sqrt(l0 * r0)
    w = np.sqrt(l0) + np.sqrt(r0)
    vl, pl, hl = sides(l0, l1, l2)
    vr, pr, hr = sides(r0, r1, r2)
    dp, dv = pr - pl, vr - vl
    u = (np.sqrt(l0) * vl + np.sqrt(r0) * vr) / w
    h = (np.sqrt(l0) * hl + np.sqrt(r0) * hr) / w
    q = u**2
    a2 = -0.5 * (h - 0.5 * q)
    a = np.sqrt(a2)
    e1, e0, e2 = abs(u + a), abs(u), abs(u)
    n = a * g
    c0 = (d0 - dp / a2) * e0
    c1 = (dv + dp / n) * e1
    c2 = (dv - dp / n) * e2
    fl0, fl1, fl2 = flux(l1, l2, l0, pl)
    fr0, fr1, fr2 = flux(r1, r2, r0, pr)
    f0, f1, f2 = fl0 + fr0, fl1 + fr1, fl2 + fr2
    c = (0.5 * g) / a
    j0 = c0 + c * c1 - c * c2
    j1 = c0 * u + (c * c1) * (u + a) - (c * c2) * (u - a)
    j2 = (c0 * 0.5) * q + (c * c1) * (h + u * a) - (c * c2) * (h - u * a)
    return np.array([0.5 * (f0 - j0), 0.5 * (f1 - j1), 0.5 * (f2 - j2)])


def robot_arm(t):
    """Position and angles of the hand of an arm with six joints."""
    t1, t2, t3, t4, t5, t6 = t
    a1, a2, a3, d1, d4, d6 = 175.0, 890.0, 50.0, 575.0, 1035.0, 185.0
    c1, c2, c4, c5, c6 = np.cos(t1), np.cos(t2), np.cos(t4), np.cos(t5), np.cos(t6)
    c = np.cos(t2) * np.cos(t3) - np.sin(t2) * np.sin(t3)
    s1, s2, s4, s5, s6 = np.sin(t1), np.sin(t2), np.sin(t4), np.sin(t5), np.sin(t6)
    s = np.cos(t2) * np.sin(t3) + np.sin(t2) * np.cos(t3)
    ax = s5 * (c1 * c * c4 + s1 * s4) + c1 * s * c5
    ay = s5 * (s1 * c * c4 - c1 * s4) + s1 * s * c5
    az = s * c4 * s5 - c * c5
    nz = c6 * (c * s5 + s * c4 * c5) - s * s4 * s6
    oz = (-s6) * (c * s5 + s * c4 * c5) - s * s4 * c6
    zeta = np.arctan2(ay, ax)
    eta = np.arctan2(np.sqrt(1 - az**2), az)
    zeta2 = np.arctan2(oz, -nz)
    px = d6 * (s5 * (c1 * c * c4 + s1 * s4) + c1 * s * c5) + c1 * (a1 + a2 * c2 + a3 * c + d4 * s)
    py = d6 * (s5 * (s1 * c * c4 + c1 * s4) + s1 * s * c5) + s1 * (a1 + a2 * c2 + a3 * c + d4 * s)
    pz = a2 * s2 + d1 + a3 * s - d4 * c + d6 * (s * c4 * s5 - c * c5)
    return np.array([px, py, pz, zeta, eta, zeta2])


def heart_dipole(x):
    """Residuals of the heart's dipole, from MINPACK-2."""
    a, b, c, d, t, u, v, w = x
    f1 = a + b - 1
    f2 = c + d - 1
    f3 = t * a + u * b - v * c - w * d - 1
    f4 = v * a + w * b + t * c + u * d - 1
    p, q = t**2 - v**2, u**2 - w**2
    f5 = a * p - 2 * c * t * v + b * q - 2 * d * u * w - 1
    f6 = c * p - 2 * a * t * v + d * q - 2 * b * u * w - 1
    k1, k2 = t * (t**2 - 3 * v**2), v * (v**2 - 3 * t**2)
    k3, k4 = u * (u**2 - 3 * w**2), w * (w**2 - 3 * u**2)
    f7 = a * k1 + c * k2 + b * k3 + d * k4 - 1
    f8 = c * k1 - a * k2 + d * k3 - b * k4 - 1
    return np.array([f1, f2, f3, f4, f5, f6, f7, f8])


def propane(x):
    """Residuals of the combustion of propane in full form, from MINPACK-2."""
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x
    s = np.sqrt(40 / x11)
    f1 = x1 + x4 - 3
    f2 = 2 * x1 + x2 + x4 + x7 + x8 + x9 + 2 * x10 - 10
    f3 = 2 * x2 + 2 * x5 + x6 + x7 - 8
    f4 = 2 * x3 + x9 - 40
    f5 = x2 * x4 - x1 * x5
    f6 = np.sqrt(x2 * x4) - (np.sqrt(x1) * s) * x6
    f7 = np.sqrt(x1 * x2) - (np.sqrt(x4) * x7) * s
    f8 = x1 - ((x4 * x8) * 40) / x11
    f9 = x1 * np.sqrt(x3) - (x4 * x9) * s
    f10 = x1**2 - ((x4**2 * x10) * 40) / x11
    f11 = x11 - x1 - x2 - x3 - x4 - x5 - x6 - x7 - x8 - x9 - x10
    return np.array([f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11])


TASKS = {
    "RoeFlux_1d": (roe_flux, np.array([0.01, 0.02, 0.02, 0.01, 0.03, 0.03])),
    "RobotArm_6DOF": (robot_arm, np.array([0.3, -0.4, 0.5, 0.6, -0.7, 0.8])),
    "HumanHeartDipole": (heart_dipole, np.linspace(0.2, 1.3, 8)),
    "PropaneCombustion": (propane, np.linspace(0.5, 1.5, 11)),
}


def main():
    print(f"{'products':18}forward  reverse  markowitz")
    for name, (f, x) in TASKS.items():
        region = irad.elimination.region(f, x)
        forward, reverse, markowitz = (region.count(order, metric="folded") for order in ("forward", "reverse", "markowitz"))
        print(f"{name:18}{forward:7}{reverse:9}{markowitz:11}")


if __name__ == "__main__":
    main()
