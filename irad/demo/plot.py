"""The plot of counts and fit, as SVG text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp

from irad.demo.model import Counts, Parameters, trajectory

__all__ = ["plot"]

WIDTH, HEIGHT = 900, 640
LEFT, RIGHT = 64, 24
HARE, LYNX, INK, FAINT = "#2a6f97", "#c8553d", "#333333", "#e4e4e4"
FONT = 'font-family="Helvetica, Arial, sans-serif"'


def plot(data: Counts, p: Parameters) -> str:
    """SVG: a panel a species with the counts, the fitted solution, and the band of one sigma around it."""
    curve = trajectory(p, len(data.years) - 1)
    years = data.years.tolist()
    times = [years[0] + t for t, _, _ in curve]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="34" font-size="20" font-weight="bold" fill="{INK}">'
        "Lynx and hare pelts of the Hudson's Bay Company</text>",
        f'<text x="{LEFT}" y="56" font-size="13" fill="#666666">'
        "thousands a year; Lotka–Volterra by maximum likelihood, "
        "gradient through the whole integration by irad</text>",
        *_panel(years, data.hares.tolist(), times, [h for _, h, _ in curve], p.sigma_hare, 84, 320, "hare", HARE),
        *_panel(years, data.lynxes.tolist(), times, [x for _, _, x in curve], p.sigma_lynx, 352, 588, "lynx", LYNX),
        *_years(years, 588),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(
    years: Sequence[int],
    counts: Sequence[float],
    times: Sequence[float],
    curve: Sequence[float],
    sigma: float,
    top: int,
    bottom: int,
    name: str,
    color: str,
) -> list[str]:
    upper, lower = [v * exp(sigma) for v in curve], [v * exp(-sigma) for v in curve]
    step = 20 if max(counts) > 30 else 5
    ceiling = step * (int(max(*counts, *upper) / step) + 1)
    x = _across(years)

    def y(v: float) -> float:
        return bottom - (bottom - top) * v / ceiling

    out = []
    for tick in range(0, ceiling + 1, step):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="{FAINT}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" font-size="12" text-anchor="end" fill="{INK}">{tick}</text>')
    there = [f"{x(t):.1f},{y(v):.1f}" for t, v in zip(times, upper, strict=True)]
    back = [f"{x(t):.1f},{y(v):.1f}" for t, v in zip(reversed(times), reversed(lower), strict=True)]
    line = [f"{x(t):.1f},{y(v):.1f}" for t, v in zip(times, curve, strict=True)]
    out.append(f'<polygon points="{" ".join(there + back)}" fill="{color}" fill-opacity="0.14"/>')
    out.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="{color}" stroke-width="2.2" stroke-linejoin="round"/>')
    for year, v in zip(years, counts, strict=True):
        out.append(f'<circle cx="{x(year):.1f}" cy="{y(v):.1f}" r="4.5" fill="{color}" stroke="white" stroke-width="1.2"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2  # both populations are small there
    out.append(f'<circle cx="{middle - 100}" cy="{top + 14}" r="4.5" fill="{color}"/>')
    out.append(
        f'<text x="{middle - 88}" y="{top + 18}" font-size="13" fill="{INK}">{name}: counts, fit, ± σ = {sigma:.3f}</text>'
    )
    return out


def _years(years: Sequence[int], bottom: int) -> list[str]:
    x = _across(years)
    out = []
    for year in years:
        out.append(f'<line x1="{x(year):.1f}" x2="{x(year):.1f}" y1="{bottom}" y2="{bottom + 5}" stroke="{INK}"/>')
        if year % 5 == 0:
            out.append(
                f'<text x="{x(year):.1f}" y="{bottom + 22}" font-size="12" text-anchor="middle" fill="{INK}">{year}</text>'
            )
    return out


def _across(years: Sequence[int]) -> Callable[[float], float]:
    """From a time to its place across the page."""
    first, last, margin = years[0], years[-1], 12
    scale = (WIDTH - LEFT - RIGHT - 2 * margin) / (last - first)
    return lambda t: LEFT + margin + (t - first) * scale
