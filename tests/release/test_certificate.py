"""The certificate: it adds up, survives JSON, and refuses what does not."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth import engine
from dpsynth.errors import ReleaseError, SettingError
from dpsynth.privacy.calibration import Guarantee, budget_from
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.release.arithmetic import arithmetic_faults
from dpsynth.release.certificate import (
    EXACT_NOISE,
    TEST_ENTROPY,
    Certificate,
    MechanismRecord,
    Noise,
    Promise,
    PublicItem,
    Software,
    Spending,
    Unit,
    public_items,
    utc_now,
)


def make_certificate(
    *, epsilon: float = 1.0, delta: float = 1e-9, unit: PrivacyUnit | None = None, private: bool = True, **changes: Any
) -> Certificate:
    granted = budget_from(epsilon, delta)
    parts = granted.split([1, 3])
    fields: dict[str, Any] = {
        "synthesizer": "mst",
        "settings": {"one_way_share": 0.25},
        "promise": Promise.of(Guarantee.of(granted), epsilon=epsilon, delta=delta),
        "unit": Unit.of(unit or PrivacyUnit()),
        "mechanisms": (
            MechanismRecord.of(
                "one-ways", {"kind": "marginals", "stddev": [8.5, 9.0], "cells": 120}, parts[0], granted
            ),
            MechanismRecord.of("pairs", {"kind": "marginals", "stddev": [4.25], "cells": 5000}, parts[1], granted),
        ),
        "spending": Spending.of(granted=granted, spent=parts[0] + parts[1]),
        "noise": Noise.of(private),
        "public_metadata": (PublicItem("age", "upper", "codebook"), PublicItem("age", "type", "declared")),
        "rows": 1000,
        "estimated_total": 1003.5,
        "seed": 7,
        "created": utc_now(),
        "software": Software.here(),
    }
    return Certificate(**{**fields, **changes})


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "unit", [PrivacyUnit(), PrivacyUnit(Relation.REPLACE_ONE), PrivacyUnit(column="patient_id", max_rows=3)]
)
def test_it_comes_back_equal_from_json(unit: PrivacyUnit, private: bool) -> None:
    certificate = make_certificate(unit=unit, private=private)
    assert Certificate.from_json(json.loads(json.dumps(certificate.to_json()))) == certificate


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 20), st.floats(1e-15, 1e-3))
def test_every_calibrated_run_adds_up(epsilon: float, delta: float) -> None:
    assert arithmetic_faults(make_certificate(epsilon=epsilon, delta=delta)) == ()


def test_a_reserved_delta_keeps_its_place() -> None:
    granted = budget_from(1.0, 1e-6, reserved_delta=1e-7)
    promise = Promise.of(Guarantee.of(granted), epsilon=1.0, delta=1e-6)
    assert promise.rho is None
    assert all(delta > 1e-7 for delta, _ in promise.profile)
    record = MechanismRecord.of("values", {"kind": "partition selection"}, granted, granted)
    assert record.share == 1.0
    certificate = make_certificate(
        promise=promise, mechanisms=(record,), spending=Spending.of(granted=granted, spent=granted)
    )
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_costs_are_rounded_up() -> None:
    third = Cost(Fraction(1, 3), Fraction(1, 3 * 10**9))
    record = MechanismRecord.of("x", {}, third, third)
    assert Fraction(record.mu_squared) >= third.mu_squared
    assert Fraction(record.delta) >= third.delta
    spending = Spending.of(granted=third, spent=third)
    assert Fraction(spending.spent_mu_squared) >= third.mu_squared


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": 0.9},
        {"delta": 1e-10},
        {"mu": 0.1},
        {"profile": ((1e-5, 0.1),)},
        {"attack_odds": ((0.01, 0.011),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_promise_better_than_its_price_is_refused(change: dict[str, Any]) -> None:
    certificate = make_certificate()
    with pytest.raises(SettingError, match="add up"):
        dataclasses.replace(certificate, promise=dataclasses.replace(certificate.promise, **change))


def test_spending_beyond_the_grant_or_beyond_its_records_is_refused() -> None:
    certificate = make_certificate()
    twice = (*certificate.mechanisms, *certificate.mechanisms)
    with pytest.raises(SettingError, match="mu\\^2 of the mechanisms"):
        dataclasses.replace(certificate, mechanisms=twice)
    spending = dataclasses.replace(certificate.spending, granted_mu_squared=1e-6)
    with pytest.raises(SettingError, match="spent mu\\^2"):
        dataclasses.replace(certificate, spending=spending)


def test_test_entropy_is_written_where_nobody_can_miss_it() -> None:
    certificate = make_certificate(private=False)
    assert certificate.noise.entropy == TEST_ENTROPY
    assert certificate.to_json()["noise"]["private"] is False


def _hostile_changes() -> list[tuple[str, Any]]:
    return [
        ("format", "other"),
        ("version", 2),
        ("rows", "1000"),
        ("rows", True),
        ("rows", 1.5),
        ("extra", 1),
        ("promise", {}),
        ("promise", None),
        ("mechanisms", [{"label": "x"}]),
        ("estimated_total", float("nan")),
        ("settings", {"deep": object()}),
        ("created", None),
    ]


@pytest.mark.parametrize(("key", "value"), _hostile_changes())
def test_anything_else_is_refused(key: str, value: Any) -> None:
    document = {**make_certificate().to_json(), key: value}
    with pytest.raises(ReleaseError, match="certificate must"):
        Certificate.from_json(document)


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Certificate)])
def test_every_mandatory_field_is_demanded(key: str) -> None:
    document = make_certificate().to_json()
    del document[key]
    defaults = {"reason", "audit_pool", "ledger", "exclusions", "known_limits", "how_to_verify"}
    if key in defaults:
        assert Certificate.from_json(document) == make_certificate(created=document["created"])
    else:
        with pytest.raises(ReleaseError):
            Certificate.from_json(document)


def test_it_holds_no_field_for_what_must_never_be_published() -> None:
    words = json.dumps(make_certificate().to_json()).lower()
    for forbidden in ("sha256", "hash", "mtime", "file_size", "private_rows", "exact_rows", "/home", "path"):
        assert forbidden not in words


def test_the_certificates_of_neighbours_differ_only_where_noise_is() -> None:
    """One person more or less changes no field but those computed from noisy answers."""
    schema = dpsynth.Schema([dpsynth.Boolean("member"), dpsynth.Categorical("sex", values=["F", "M"])])
    request = engine.settle(schema, epsilon=1.0, delta=1e-6, synthesizer="independent")
    documents = []
    for rows in (60, 61):
        table = {"member": [True, False] * 30 + [True] * (rows - 60), "sex": ["F"] * rows}
        release = engine.release(table, request, InsecureTestEntropy(rows), seed=1)
        documents.append(release.certificate.to_json())
    noisy = {"rows", "estimated_total", "created"}
    first, second = ({key: value for key, value in each.items() if key not in noisy} for each in documents)
    assert first == second
    assert first["noise"] == {"law": EXACT_NOISE, "entropy": TEST_ENTROPY, "private": False}


def test_what_a_schema_declares_of_all_columns_is_a_public_item():
    columns = [dpsynth.Boolean("member", source="statutes")]
    assert {item.column for item in public_items(dpsynth.Schema(columns))} == {"member"}
    found = public_items(dpsynth.Schema(columns, public_rows=9, missing_values=["?"]))[-2:]
    assert [(item.column, item.item, item.source) for item in found] == [
        ("(all columns)", "public_rows", "declared"),
        ("(all columns)", "missing_values", "declared"),
    ]
