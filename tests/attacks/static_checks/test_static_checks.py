"""Every static check: a release that passes, and one with a planted fault that does not."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest

import dpsynth
from attacks.static_checks import accounting, noise, static_checks
from dpsynth.engine import release as run_release
from dpsynth.engine import settle
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.selftest import SETTINGS
from dpsynth.synthesizers.catalogue import CATALOGUE

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        dpsynth.Boolean("a"),
        dpsynth.Numeric("x", lower=0, upper=1000, integer=True, nullable=True),
        dpsynth.OpenCategorical("city"),
        dpsynth.Categorical("k", values=["u", "v", "w"], nullable=True),
    ]
)
ROWS = 600


@dataclasses.dataclass(frozen=True)
class Claim:
    epsilon: float = 2.0
    delta: float = 1e-6
    mu: float | None = None
    delta0: float = 0.0
    relation: str = "add-remove"


@pytest.fixture(scope="module")
def private():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "id": [f"patient {i}" for i in range(ROWS)],
            "a": rng.random(ROWS) < 0.3,
            "x": pd.array(rng.integers(100, 900, ROWS), dtype="Int64"),
            "city": rng.choice(["Oslo", "Bergen", "Bodo"], ROWS),
            "k": rng.choice(["u", "v", "w"], ROWS),
        }
    )
    table.loc[0, ["x", "city"]] = [33, "Moskenes"]
    table.loc[1, "x"] = 977
    table.loc[rng.permutation(np.arange(2, ROWS))[:71], "x"] = pd.NA
    table.loc[rng.permutation(ROWS)[:53], "k"] = None
    return table


def made(private, seed=3, **options):
    request = settle(SCHEMA, **{"epsilon": 2.0, "delta": 1e-6, "synthesizer": "mst", **options})
    return run_release(private, request, InsecureTestEntropy(seed), rows=570, seed=seed)


@pytest.fixture(scope="module")
def release(private):
    """Reproducible, and with a certificate that says otherwise, so that nothing but a plant can fail."""
    return marked(made(private), noise=dataclasses.replace(made(private).certificate.noise, private=True))


def marked(release, **fields):
    """The release with other fields in its certificate, past the certificate's own checks."""
    certificate = copy.copy(release.certificate)
    for name, value in fields.items():
        object.__setattr__(certificate, name, value)
    return dataclasses.replace(release, certificate=certificate)


def status(checks, question):
    (found,) = [check for check in checks if check.name == question[0]]
    assert found.question == question[1]
    assert found.words
    return found.status


def test_a_sound_release_passes_every_check(release, private):
    other = made(private, seed=4)
    checks = static_checks(release, release.table, SCHEMA, Claim(), private=private, others=[other])
    assert {check.name: check.status for check in checks} == {
        **dict.fromkeys((check.name for check in checks), "pass"),
    }
    assert len(checks) == len({check.name for check in checks}) == 18


def test_a_foreign_table_is_checked_as_far_as_it_can_be(release, private):
    checks = static_checks(None, release.table, SCHEMA, Claim(), private=private)
    assert status(checks, accounting.SUMS) == status(checks, noise.LATTICE) == "not applicable"
    assert all(check.status in ("pass", "not applicable") for check in checks)
    alone = static_checks(None, dpsynth.ticked(release.table, SCHEMA), SCHEMA)
    assert sum(check.status == "pass" for check in alone) == 2
    assert not {"fail", "unknown"} & {check.status for check in alone}


@pytest.mark.parametrize("relation", ["add-remove", "replace-one"])
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_step_of_every_synthesizer_is_priced_anew(name, relation, private):
    settings = {"marginals": "a,x;x,k"} if name == "direct" else SETTINGS.get(name, {})
    if "training_steps" in settings:  # a few steps are far from the Gaussian that they are priced as
        settings = {**settings, "training_steps": 200}
    found = made(private, synthesizer=name, relation=relation, settings=settings)
    assert status(accounting.accounting_checks(found, None), accounting.PRICES) == "pass"
    sizes = dict(zip(found.model.domain.columns, found.model.domain.sizes, strict=True))
    for step in found.certificate.mechanisms:
        least = accounting.least_price(step.kind, step.parameters, 1, relation == "replace-one", sizes)
        # Discrete noise costs a little more than normal noise; choices are priced for the worst that may be asked.
        assert least <= step.mu_squared * (1 + 1e-9) < (1.02 if step.kind == "marginals" else 1.3) * least


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_training_is_priced_anew(rows, replaced):
    """Close to its price, and far above that of twice the noise or half of the steps."""
    from fractions import Fraction

    from dpsynth.privacy.sampled_gaussian import SampledGaussian
    from dpsynth.privacy.unit import Relation

    relation = Relation.REPLACE_ONE if replaced else Relation.ADD_REMOVE
    said = {"steps": 200, "rate": 0.05, "noise_multiplier": 2.0, "delta0": 1e-8}
    price = SampledGaussian(200, Fraction(1, 20), 0.5, rows, relation).dominating_mu(1e-8) ** 2
    least = accounting.least_price("DP-SGD", said, rows, replaced)
    assert 0.9 * price < least <= price
    for change in ({"noise_multiplier": 4.0}, {"steps": 100}):
        assert accounting.least_price("DP-SGD", {**said, **change}, rows, replaced) < 0.6 * price


def test_sums_that_do_not_add_up_are_found(release):
    spending = dataclasses.replace(release.certificate.spending, spent_mu_squared=0.01)
    assert status(static_checks(marked(release, spending=spending), release.table, SCHEMA), accounting.SUMS) == "fail"
    empty = marked(release, mechanisms=())
    assert status(static_checks(empty, release.table, SCHEMA), accounting.SUMS) == "fail"


@pytest.mark.parametrize("kind", ["marginals", "selection", "partition selection", "privtree", "count"])
def test_a_step_that_was_charged_too_little_is_found(kind, release):
    steps = [
        dataclasses.replace(step, mu_squared=0.49 * step.mu_squared) if step.kind == kind else step
        for step in release.certificate.mechanisms
    ]
    assert kind in {step.kind for step in steps}
    checks = accounting.accounting_checks(marked(release, mechanisms=tuple(steps)), None)
    assert status(checks, accounting.PRICES) == "fail"


def test_a_step_of_an_unknown_kind_is_unknown(release):
    first, *rest = release.certificate.mechanisms
    steps = (dataclasses.replace(first, kind="magic"), *rest)
    assert status(accounting.accounting_checks(marked(release, mechanisms=steps), None), accounting.PRICES) == "unknown"


@pytest.mark.parametrize("question", [accounting.EPSILON, accounting.JUDGE])
def test_an_epsilon_that_does_not_follow_is_found(question, release):
    promise = dataclasses.replace(release.certificate.promise, epsilon=1.9)
    assert status(accounting.accounting_checks(marked(release, promise=promise), None), question) == "fail"


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Claim(), "pass"),
        (Claim(epsilon=1.5), "fail"),
        (Claim(delta=1e-7), "fail"),
        (Claim(mu=0.9, delta0=1e-6), "pass"),
        (Claim(mu=0.3, delta0=1e-6), "fail"),
        (Claim(mu=0.9), "fail"),
        (Claim(relation="replace-one"), "fail"),
        (None, "not applicable"),
    ],
)
def test_a_claim_must_follow_from_the_certificate(claim, expected, release):
    assert status(accounting.accounting_checks(release, claim), accounting.CLAIM) == expected


def test_releases_of_one_table_add_up(release, private):
    mu = release.certificate.promise.mu
    (together,) = [
        check
        for check in accounting.accounting_checks(release, None, [made(private, seed=4)])
        if check.name == accounting.TOGETHER[0]
    ]
    delta0 = 2 * release.certificate.promise.delta0
    assert f"epsilon {accounting.epsilon_at(1e-6, mu * 2**0.5, delta0):.4g} " in together.words
    crowd = accounting.accounting_checks(release, None, [release] * 20)
    assert status(crowd, accounting.TOGETHER) == "unknown"  # their delta0 add up to more than delta


def test_test_entropy_is_found(private):
    assert status(noise.noise_checks(made(private)), noise.ENTROPY) == "fail"


def test_fractions_are_found(release):
    bent = tuple(dataclasses.replace(one, values=one.values + 0.25) for one in release.measurements)
    assert status(noise.noise_checks(dataclasses.replace(release, measurements=bent)), noise.LATTICE) == "fail"
    assert noise.released_stddevs(release) >= {one.stddev for one in release.measurements}


def test_noise_that_is_not_there_is_found(private, monkeypatch):
    monkeypatch.setattr("dpsynth.mechanisms.marginals.sample", lambda stddev, count, source: np.zeros(count, np.int64))
    assert status(noise.noise_checks(made(private)), noise.SIZE) == "fail"


def test_honest_noise_is_seen(private):
    """Ten releases: the smallest tail of each is of the order of chance, and never below the limit."""
    found = {status(noise.noise_checks(made(private, seed=seed)), noise.SIZE) for seed in range(10)}
    assert found == {"pass"}


def test_tiny_noise_is_no_finding(private):
    """Discrete noise far below one row is 0 nearly always: marginals agree, and nothing is wrong."""
    loud = made(private, epsilon=3000.0)
    assert min(one.stddev for one in loud.measurements) < 1
    assert status(noise.noise_checks(loud), noise.SIZE) != "fail"


def test_noise_that_was_used_before_is_found(release, private):
    assert status(noise.noise_checks(release, [made(private)]), noise.AGAIN) == "fail"
    assert status(noise.noise_checks(release, [made(private, seed=8)]), noise.AGAIN) == "pass"
