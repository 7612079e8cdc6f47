"""A small release with a network, its audits, a gate's decision, and a browser."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attacks
import dpsynth
from dpsynth.report.content import Content, gather
from dpsynth.report.page import page

HOSTILE = "<script>document.title='taken'</script>"
LONG = "x" * 120


@dataclass(frozen=True)
class Place:
    """A release directory and what lies around it."""

    release: Path
    private: Path
    steward: Path
    public: Path
    gate: Path


def private_table(rows: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    sex = rng.integers(0, 2, rows)
    return pd.DataFrame(
        {
            "sex": np.where(sex == 1, "F", "M"),
            "smoker": rng.random(rows) < 0.2 + 0.3 * sex,
            "age": np.clip(rng.normal(40 + 10 * sex, 12, rows).round(), 0, 99),
            "born": pd.Timestamp("1980-01-01") + pd.to_timedelta(rng.integers(0, 9000, rows), unit="D"),
            "city": rng.choice(["Oslo", "Bergen", "Moss"], rows, p=[0.6, 0.3, 0.1]),
            HOSTILE: rng.choice(["a", "</style><b>b", LONG], rows),
        }
    )


def schema() -> dpsynth.Schema:
    return dpsynth.Schema(
        [
            dpsynth.Categorical("sex", values=["F", "M"], nullable=True, source="codebook 2026"),
            dpsynth.Boolean("smoker"),
            dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[18, 30, 45, 65]),
            dpsynth.Datetime("born", lower="1980-01-01", upper="2010-01-01", edges=["1990-01-01", "2000-01-01"]),
            dpsynth.OpenCategorical("city"),
            dpsynth.Categorical(HOSTILE, values=["a", "</style><b>b", LONG], source="\u202egnp.exe <i>"),
        ]
    )


def decision(manifest: str, **changed: Any) -> dict[str, Any]:
    waiver = {"rule": "ledger", "owner": "J. <b>Doe", "reason": "first release", "until": "2027-01-31"}
    rules = [
        {"name": "epsilon", "status": "pass", "words": "epsilon is 1; at most 2", "evidence": {"got": 1.0}},
        {
            "name": "ledger",
            "status": "waived",
            "words": "waived by J. <b>Doe",
            "evidence": {"waiver": {**waiver, "instead_of": "fail"}},
        },
    ]
    policy = {"name": "public <i>tables", "expires": "2027-12-31", "sha256": "0" * 64, "file_sha256": None}
    fields = {"format": "dpsynth-gate", "version": 1, "verdict": "pass", "rules": rules, "policy": policy}
    fields |= {"manifest_sha256": manifest, "audit_sha256": None, "at": "2026-11-22", "clock": "system"}
    return {**fields, "software": "0", **changed}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("compliance")
    table = private_table()
    release = dpsynth.synthesize(
        table, schema(), epsilon=2, delta=1e-6, synthesizer="privbayes", audit_pool=600, seed=3
    )
    release.save(folder / "release")
    private = folder / "private"
    private.mkdir()
    table.to_csv(private / "rows.csv", index=False)
    report = attacks.audit(
        dpsynth.load(folder / "release"), train=table, pool=release.audit_pool, attacks=["copies", "marginals"]
    )
    report.save(private / "audit.json")
    report.public().save(folder / "audit-public.json")
    found = Place(
        folder / "release", private, private / "audit.json", folder / "audit-public.json", folder / "gate.json"
    )
    manifest = gather(found.release, compare=False).manifest
    found.gate.write_text(json.dumps(decision(manifest)), encoding="utf-8")
    return found


@pytest.fixture(scope="session")
def public(place: Place) -> Content:
    return gather(place.release, audit=place.public, gate=place.gate)


@pytest.fixture(scope="session")
def steward(place: Place) -> Content:
    return gather(place.release, edition="steward", audit=place.steward, gate=place.gate)


@pytest.fixture(scope="session")
def bare(place: Place) -> Content:
    return gather(place.release, compare=False)


@pytest.fixture(scope="session")
def pages(public: Content, steward: Content, bare: Content) -> dict[str, str]:
    """One of every kind, by name."""
    return {"public": page(public), "steward": page(steward), "bare": page(bare)}


@pytest.fixture(scope="session")
def in_browser() -> ModuleType:
    """The browser that the audit's page is tested in, and the measures taken there."""
    path = Path(__file__).parents[1] / "attacks" / "report" / "test_in_browser.py"
    spec = importlib.util.spec_from_file_location("audit_in_browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def browser(in_browser: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if in_browser.CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    opened = in_browser.Browser(tmp_path_factory.mktemp("profile"))
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a JSON file in which a part is other than it was."""

    def change(path: Path, *keys: Any, to: Any) -> Path:
        document = json.loads(path.read_text(encoding="utf-8"))
        part = document
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = to
        copy = tmp_path / path.name
        copy.write_text(json.dumps(document), encoding="utf-8")
        return copy

    return change
