from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import dpsynth
from attacks.claim import Claim
from attacks.generator import Generator
from attacks.material import digest, fingerprint, gather
from attacks.report.records import AuditedClaim
from attacks.trial import Trial

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, nullable=True),
        dpsynth.Categorical("sex", values=["F", "M"]),
        dpsynth.OpenCategorical("town", max_values=20, nullable=True),
        dpsynth.Identifier("id"),
    ]
)


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": [None if rng.random() < 0.1 else int(rng.integers(0, 99)) for _ in range(rows)],
            "sex": rng.choice(["F", "M"], rows),
            "town": rng.choice(["York", "Ely", None], rows),
            "id": np.arange(rows),
        }
    )


def gathered(synthetic: object, **options: object):
    defaults = {"holdout": None, "reference": None, "pool": None, "schema": SCHEMA, "claim": None}
    return gather(synthetic, **{**defaults, **options}, rng=np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return people(400, 1)


@pytest.fixture(scope="module")
def release(train: pd.DataFrame) -> dpsynth.Release:
    return dpsynth.synthesize(train, SCHEMA, epsilon=50, delta=1e-6, synthesizer="mst", audit_pool=100)


def test_a_pool_gives_its_rows_as_targets_and_the_rest_as_reference(
    train: pd.DataFrame, release: dpsynth.Release
) -> None:
    pool = release.audit_pool
    assert pool is not None
    found = gathered(release, train=train, pool=pool)
    assert found.design == "pool"
    assert found.targets.rows == 100
    assert found.reference.rows == 300
    assert (found.trial.coins == pool.coins).all()
    assert found.claim is not None
    assert (found.claim.epsilon, found.claim.mu) == (50, release.certificate.promise.mu)
    whole = dpsynth.ticked(train, SCHEMA)
    assert (found.targets.ticks["age"] == whole.ticks["age"][pool.rows]).all()


def test_coins_of_another_run_are_refused(train: pd.DataFrame, release: dpsynth.Release) -> None:
    pool = release.audit_pool
    assert pool is not None
    flipped = dataclasses.replace(pool, coins=~pool.coins)
    with pytest.raises(dpsynth.DataError, match="other coins"):
        gathered(release, train=train, pool=flipped)
    with pytest.raises(dpsynth.DataError, match="another number of rows"):
        gathered(release, train=train.iloc[1:], pool=pool)
    with pytest.raises(dpsynth.DataError, match="other coins"):
        gathered(train, train=train, pool=pool)


def test_a_pool_needs_the_private_table_row_by_row(train: pd.DataFrame, release: dpsynth.Release) -> None:
    """Rows in another order would be targets with the coins of others: an audit that sees nothing."""
    with pytest.raises(dpsynth.DataError, match="other cells"):
        gathered(release, train=train.sample(frac=1.0, random_state=0), pool=release.audit_pool)


def test_a_pool_of_pairs_fits_a_promise_for_replaced_rows(train: pd.DataFrame) -> None:
    made = dpsynth.synthesize(
        train, SCHEMA, epsilon=1, delta=1e-6, synthesizer="mst", audit_pool=100, relation="replace-one"
    )
    found = gathered(made, train=train, pool=made.audit_pool)
    assert (found.design, found.trial.pairs, found.targets_public) == ("pool of pairs", True, True)
    claim = AuditedClaim.of(found.claim, unit="one row", design=found.design)
    assert claim.pairs
    assert claim.curve_tested == claim.curve


def test_a_pool_that_took_in_the_whole_table_has_a_private_size(train: pd.DataFrame) -> None:
    made = dpsynth.synthesize(train, SCHEMA, epsilon=1, delta=1e-6, synthesizer="mst", audit_pool=500)
    found = gathered(made, train=train, pool=made.audit_pool, reference=people(50, 3))
    assert found.targets.rows == 400
    assert not found.targets_public


DISTINCT = dpsynth.Schema(
    [dpsynth.Numeric("a", lower=0, upper=1, decimals=9), dpsynth.Categorical("b", values=["x", "y"])]
)


def distinct(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.random(rows).round(9), "b": rng.choice(["x", "y"], rows)})


def test_tables_that_tell_coins_are_refused() -> None:
    one, other, third = distinct(200, 1), distinct(200, 2), distinct(200, 3)
    with pytest.raises(dpsynth.DataError, match="holdout must hold other rows"):
        gathered(third, train=one, holdout=one, schema=DISTINCT)
    with pytest.raises(dpsynth.DataError, match="rows of holdout in it"):
        gathered(third, train=one, holdout=other, reference=other, schema=DISTINCT)
    with pytest.raises(dpsynth.DataError, match="rows of train in it"):
        gathered(third, train=one, holdout=other, reference=one, schema=DISTINCT)
    assert gathered(one, train=one, holdout=other, reference=third, schema=DISTINCT).targets.rows == 400


def test_equal_rows_by_chance_are_no_hint() -> None:
    tables = [pd.DataFrame({"b": np.random.default_rng(seed).choice(["x", "y"], 200)}) for seed in range(4)]
    schema = dpsynth.Schema([DISTINCT["b"]])
    assert gathered(tables[0], train=tables[1], holdout=tables[2], reference=tables[3], schema=schema).targets.rows


def test_labels_that_no_attacker_has_are_told_apart_without_their_table(train: pd.DataFrame) -> None:
    """Those of train come first in the list of both tables; the codes must not say so."""
    schema = dpsynth.Schema([dpsynth.OpenCategorical("town")])
    for names in (("a", "b"), ("b", "a")):
        one, other = (pd.DataFrame({"town": [name] * 40}) for name in names)
        known = pd.DataFrame({"town": ["c"] * 9})
        found = gathered(known, train=one, holdout=other, schema=schema, reference=known)
        ticks = found.encoder.encode(found.targets).ticks[:, 0]
        assert ticks[found.trial.coins].max() == 1 + (names[0] == "b")


def test_what_is_kept_belongs_to_a_schema_and_to_coins(train: pd.DataFrame) -> None:
    cells = {"a": np.arange(60) % 7}
    parts = {"train": cells, "holdout": {"a": np.arange(60) % 5}}
    schemas = [
        dpsynth.Schema([dpsynth.Categorical("a", values=range(9))]),
        dpsynth.Schema([dpsynth.Numeric("a", lower=0, upper=8, integer=True)]),
    ]
    whole = [gathered(cells, schema=schema, **parts) for schema in (*schemas, schemas[0])]
    assert fingerprint(whole[0]) == fingerprint(whole[2]) != fingerprint(whole[1])
    flipped = dataclasses.replace(whole[0], trial=Trial(~whole[0].trial.coins, pairs=True))
    assert fingerprint(flipped) != fingerprint(whole[0])


def test_without_a_pool_targets_are_pairs_and_reference_rows_are_none_of_them(train: pd.DataFrame) -> None:
    holdout = people(100, 2)
    found = gathered(train, train=train, holdout=holdout, claim=(1, 1e-6))
    assert found.design == "pairs"
    assert found.trial.pairs
    assert found.targets.rows == 100  # half of the holdout, and as many of the private table
    assert found.reference.rows == 50 + 200  # half of either table
    assert found.claim == Claim(1, 1e-6)
    own = gathered(train, train=train, holdout=holdout, reference=people(50, 3))
    assert own.targets.rows == 200
    assert own.reference.rows == 50
    assert own.claim is None


def test_what_cannot_be_audited_is_refused(train: pd.DataFrame) -> None:
    with pytest.raises(dpsynth.SettingError, match="holdout must be given"):
        gathered(train, train=train)
    with pytest.raises(dpsynth.DataError, match="synthetic must have rows"):
        gathered(train.iloc[:0], train=train, holdout=train)
    with pytest.raises(dpsynth.DataError, match="at least 4 rows"):
        gathered(train, train=train, holdout=train.iloc[:3])
    with pytest.raises(dpsynth.DataError, match="columns of its schema"):
        gathered(train, train=train.drop(columns="age"), holdout=train)


def test_a_schema_is_drafted_from_the_synthetic_table() -> None:
    tables = [pd.DataFrame({"a": np.arange(rows) % 7, "b": ["x", "y"] * (rows // 2)}) for rows in (200, 100, 60)]
    found = gather(
        tables[0],
        train=tables[1],
        holdout=tables[2],
        reference=None,
        pool=None,
        schema=None,
        claim=None,
        rng=np.random.default_rng(0),
    )
    assert found.schema.names == ("a", "b")


def test_evidence_of_a_release_holds_what_it_publishes(train: pd.DataFrame, release: dpsynth.Release) -> None:
    found = gathered(release, train=train, pool=release.audit_pool)
    evidence = found.evidence()
    assert evidence.published is not None
    assert evidence.target_cells is not None
    assert len(evidence.published.measured) >= 3
    for one in evidence.published.measured:
        assert one.values.shape == tuple(groups.max() + 1 for groups in one.groups)
    for name, size in evidence.published.sizes.items():
        assert evidence.target_cells[name].min() >= 0
        assert evidence.target_cells[name].max() < size
    # At epsilon 50 a one-way of the rows that took part agrees with its noisy counts.
    assert evidence.reference_cells is not None
    one = next(each for each in evidence.published.measured if each.columns == ("sex",))
    counted = np.bincount(evidence.reference_cells["sex"], minlength=2) + np.bincount(
        evidence.target_cells["sex"][found.trial.coins], minlength=2
    )
    assert np.abs(counted - one.values).max() < 15


def test_the_generator_runs_the_program_of_the_release_on_other_rows(
    train: pd.DataFrame, release: dpsynth.Release
) -> None:
    found = gathered(release, train=train, pool=release.audit_pool)
    table = found.encoder.encode(found.reference)
    generator = Generator(release, found.encoder)
    made = generator.generate(table, 1)
    assert len(made) == len(table)
    assert made.names == table.names
    again = dpsynth.ticked(dict(generator.columns(table)), SCHEMA)
    assert (found.encoder.encode(again).ticks == table.ticks).all()
    assert all(set(clique) <= {"age", "sex", "town"} for clique in generator.select(table, 1))


def test_the_digest_is_of_the_table(train: pd.DataFrame, release: dpsynth.Release) -> None:
    one = gathered(release, train=train, pool=release.audit_pool)
    other = gathered(train, train=train, holdout=people(60, 5))
    assert digest(one) == digest(one)
    assert digest(one)[0] != digest(other)[0]
    assert digest(one)[1] == "canonical table"
