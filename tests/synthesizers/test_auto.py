"""The automatic choice: every branch, what its sentence says, and that only public facts are looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.synthesizers.auto import (
    MOST_CHOSEN_COLUMNS,
    MOST_CORRELATION_NOISE,
    MOST_MIXTURE_CODES,
    MOST_MOSAIC_COLUMNS,
    choose,
    correlation_noise,
)
from dpsynth.synthesizers.catalogue import CATALOGUE

BUDGET = Cost.of_mu(0.2)
ROW = PrivacyUnit()


def domain(columns: int, codes: int = 5) -> Domain:
    return Domain.of({f"c{index}": codes for index in range(columns)})


def choice(columns: int, codes: int = 5, rows: int | None = None, *, budget: Cost = BUDGET, unit: PrivacyUnit = ROW):
    return choose(domain(columns, codes), budget, unit, rows)


@pytest.mark.parametrize(
    ("columns", "codes", "name"),
    [
        (1, 85, "independent"),
        (4, 1, "independent"),
        (2, 2, "mosaic"),
        (MOST_MOSAIC_COLUMNS, 1000, "mosaic"),
        (MOST_MOSAIC_COLUMNS + 1, 5, "mixture"),
        (MOST_CHOSEN_COLUMNS, 1000, "mosaic"),
        (MOST_CHOSEN_COLUMNS + 1, 1000, "mst"),
        (100, MOST_MIXTURE_CODES // 100, "mixture"),
        (100, MOST_MIXTURE_CODES // 100 + 1, "mst"),
    ],
)
def test_columns_and_codes_decide(columns, codes, name):
    chosen = choice(columns, codes)
    assert chosen.name == name
    assert f"{columns} column" in chosen.reason
    assert f"{columns * codes:,} codes, mu 0.2: " in chosen.reason


def test_declared_rows_that_drown_in_noise_leave_single_columns():
    enough = 2 * correlation_noise(10, BUDGET, ROW, 1) / MOST_CORRELATION_NOISE
    assert choice(10, rows=round(enough)).name == "mosaic"
    few = choice(10, rows=round(enough / 4))
    assert few.name == "independent"
    assert f"{round(enough / 4):,} rows declared" in few.reason
    assert choice(10).name == "mosaic"  # nothing is assumed where nothing is declared
    assert choice(10, rows=0).name == "independent"


def test_units_of_several_rows_have_more_noise():
    persons = PrivacyUnit(Relation.REPLACE_ONE, "person", 10)
    assert correlation_noise(5, BUDGET, persons, 100) == pytest.approx(
        correlation_noise(5, BUDGET, ROW, 100) * 200**0.5, rel=1e-2
    )
    assert [choice(5, rows=2000, unit=unit).name for unit in (ROW, persons)] == ["mosaic", "independent"]


def test_the_noise_is_that_of_a_correlation():
    """Rows of two independent fair coins, counted in a 2 x 2 table with Gaussian noise: what the noise alone makes."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows, mu = 500, 0.2
    noise = rng.normal(0, 1 / mu, (40_000, 4))
    seen = (noise @ [1, 1, -1, -1] / rows).std()
    assert correlation_noise(2, Cost.of_mu(mu), ROW, rows) == pytest.approx(seen, rel=0.02)


def test_a_workload_is_never_answered_by_single_columns():
    assert choose(domain(10), BUDGET, ROW, 10, workload=True).name == "mosaic"
    assert choose(domain(1), BUDGET, ROW, workload=True).name == "mosaic"
    assert choose(domain(MOST_CHOSEN_COLUMNS), BUDGET, ROW, workload=True).name == "mosaic"


@given(
    columns=st.integers(1, 300),
    codes=st.integers(1, 10**6),
    mu=st.floats(1e-4, 50),
    rows=st.none() | st.integers(0, 10**9),
    workload=st.booleans(),
)
def test_there_is_always_an_answer_in_one_sentence(columns, codes, mu, rows, workload):
    chosen = choose(domain(columns, codes), Cost.of_mu(mu), ROW, rows, workload=workload)
    assert chosen.name in CATALOGUE
    assert chosen.reason.isprintable()
    assert len(chosen.reason) < 250


def test_fairness_is_given_to_one_that_keeps_it() -> None:
    few, many = (choose(domain(columns), BUDGET, ROW, fair=True) for columns in (3, MOST_CHOSEN_COLUMNS + 1))
    assert (few.name, many.name) == ("aim", "mst")
    assert "fairness" in few.reason
    assert "fairness" in many.reason
    assert all("fairness" in CATALOGUE[each.name].__dataclass_fields__ for each in (few, many))
