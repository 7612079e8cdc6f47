"""A release without a run, for the tests of commands that print one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="session")
def certificates() -> ModuleType:
    place = Path(__file__).parents[1] / "release" / "test_certificate.py"
    spec = importlib.util.spec_from_file_location("certificates", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_release(certificates: ModuleType) -> Callable[..., Any]:
    def make(**changes: Any) -> Any:
        certificate = certificates.make_certificate(**changes)

        def save(path: Path, **_: Any) -> None:
            path.mkdir()

        return SimpleNamespace(
            certificate=certificate, rows=certificate.rows, save=save, measurements=(), audit_pool=None
        )

    return make
