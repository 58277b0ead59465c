"""How the tests run: the whole suite on all cores, what is chosen in one process.

Hypothesis draws the same examples in every run; IRAD_EXPLORE=1 draws new ones.
"""

import os

import pytest
from hypothesis import settings

from tests import every_kernel

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("explore" if os.environ.get("IRAD_EXPLORE") else "same")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files (*.case) that tests compare")
    parser.addoption("--all-variants", action="store_true", help="tests/library: every call with every shape, layout and mode")
    parser.addoption(
        "--kernels", action="store_true", help="NVRTC compiles each kernel that the tests make, as for the whole suite"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and (whole(config) or config.option.kernels) and not config.option.collectonly:
        config.pluginmanager.register(every_kernel.LastTests())
    every_kernel.collect()


def whole(config: pytest.Config) -> bool:
    """Whether nobody has chosen among the tests."""
    names = ("keyword", "markexpr", "lf", "stepwise")  # the last two only where there is a cache (not -p no:cacheprovider)
    chosen = any(getattr(config.option, name, None) for name in names)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return len(os.sched_getaffinity(0)) if whole(config) else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, else a worker ends long after the others. They share what one fixture found: so early in their
    worker's list, none of them goes to another worker that has nothing left to do."""
    items.sort(key=lambda item: "fuzz" not in item.path.parts)
