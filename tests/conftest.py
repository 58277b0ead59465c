"""Hypothesis draws the same examples in every run; IRAD_EXPLORE=1 draws new ones."""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("explore" if os.environ.get("IRAD_EXPLORE") else "same")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files (*.case) that tests compare")
    parser.addoption("--all-variants", action="store_true", help="tests/library: every call with every shape, layout and mode")
