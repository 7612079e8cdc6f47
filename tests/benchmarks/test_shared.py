from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from benchmarks import shared


@pytest.mark.parametrize("value", [None, ""])
def test_the_folder_beside_the_checkout_is_the_default(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DPSYNTH_SHARED", raising=False)
    if value is not None:
        monkeypatch.setenv("DPSYNTH_SHARED", value)
    checkout = Path(__file__).resolve().parents[2]
    assert runpy.run_path(shared.__file__)["SHARED"] == (checkout.parent / "shared").resolve()


def test_the_environment_variable_names_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPSYNTH_SHARED", str(tmp_path))
    assert runpy.run_path(shared.__file__)["SHARED"] == tmp_path.resolve()
