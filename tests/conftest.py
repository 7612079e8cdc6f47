"""What every test may use: hypothesis profiles, a seeded generator, and the shared data sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from benchmarks.shared import ABSENT, SHARED

# A busy machine must not fail a test, so no profile has a deadline. Examples stay random: a failure prints the
# blob that replays it (@reproduce_failure). Choose with HYPOTHESIS_PROFILE=dev|ci|thorough.
_quiet = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **_quiet)
settings.register_profile("ci", max_examples=100, **_quiet)
settings.register_profile("thorough", max_examples=2000, **_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_SHARED_DATA = SHARED / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for the `shared_data` folder carries the marker of the same name."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared_data)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the shared data sets where there are none."""
    if item.get_closest_marker("shared_data") and not _SHARED_DATA.is_dir():
        pytest.skip(ABSENT)


@pytest.fixture
def shared_data() -> Path:
    """The folder of the shared data sets."""
    return _SHARED_DATA


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed, new for each test: for drawn tables and post-processing, never for noise."""
    return np.random.default_rng(20_260_101)
