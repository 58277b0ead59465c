"""Rewrite rules, a theme a file; importing this package gives them to the Builder."""

from irad.optimize.rewrite import Rule, install
from irad.optimize.rules import algebra, shapes

RULES: tuple[Rule, ...] = (*algebra.RULES, *shapes.RULES)
install(RULES)

__all__ = ["RULES"]
