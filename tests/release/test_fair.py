"""A release that was asked to be fair is, and one that is not is found out: in the run, and when it is verified."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import ReleaseError, SettingError
from dpsynth.fairness import Fairness
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.fit import fit
from dpsynth.models.independence import dependence_given
from dpsynth.release import verify as verifier
from dpsynth.release.conditions import Sampler, conditioned
from dpsynth.release.fair import unfairness
from dpsynth.release.plain_words import plain_words
from dpsynth.release.verify import verify

NAMES = ("sex", "title", "study", "hours", "rank", "pay")
SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in NAMES])
FAIR = Fairness(["sex"], "pay", ["study", "hours"])


def people(rows: int = 2000) -> dict[str, np.ndarray]:
    """Pay hangs on everything: on sex by itself, by a title, by study and hours, and by a rank."""
    rng = np.random.default_rng(7)

    def near(*of: np.ndarray) -> np.ndarray:
        chosen = np.choose(rng.integers(0, len(of), rows), of)
        return np.where(rng.random(rows) < 0.85, chosen, rng.integers(0, 3, rows))

    sex = rng.integers(0, 3, rows)
    title, study, hours = near(sex), near(sex), near(sex)
    rank = near(study, hours, title)
    return dict(zip(NAMES, (sex, title, study, hours, rank, near(sex, title, study, hours, rank)), strict=True))


def release(synthesizer: str, fairness: Fairness | str | None = FAIR):
    settings = {"rounds_per_column": 1} if synthesizer == "aim" else {}
    return dpsynth.synthesize(
        people(), SCHEMA, epsilon=5, delta=1e-6, synthesizer=synthesizer, fairness=fairness, rows=50, seed=1,
        settings=settings,
    )  # fmt: skip


def left_over(made) -> float:
    return dependence_given(made.model, ("sex",), ("pay",), ("study", "hours"))


@pytest.mark.parametrize("synthesizer", ["mst", "aim"])
def test_pay_is_independent_of_sex_given_the_admissible(synthesizer):
    fair = release(synthesizer)
    assert left_over(fair) < 1e-9
    assert unfairness(FAIR, (), fair.measurements, fair.model) is None
    if synthesizer == "mst":
        assert left_over(release("mst", None)) > 0.01  # what it is without: the test can tell
        joined = {column for one in fair.measurements if len(one.clique) > 1 for column in one.clique}
        assert {"sex", "pay"} <= joined  # it is no matter of leaving them out


def test_it_holds_where_inference_joins_the_two_in_one_table(rng):
    """A loop sex - study - pay - hours is filled by its smallest pair, sex and pay, and yet a product of four."""
    domain = Domain.of({"sex": 2, "study": 6, "hours": 7, "pay": 2})
    loop = (("sex", "study"), ("sex", "hours"), ("study", "pay"), ("hours", "pay"))
    noisy = [NoisyMarginal(pair, rng.random(domain.shape(pair)) * 100, 1.0) for pair in loop]
    model = fit(domain, noisy, 900.0)
    assert model.tree.home(("sex", "pay")) is not None
    assert unfairness(FAIR, (), noisy, model) is None
    assert left_over(SimpleNamespace(model=model)) < 1e-9
    assert dependence_given(model, ("sex",), ("pay",), ("study",)) > 1e-4  # hours alone still ties them


@pytest.mark.parametrize("synthesizer", ["mst", "aim"])
def test_a_filter_switched_off_is_caught_before_there_is_a_release(synthesizer, monkeypatch):
    monkeypatch.setattr(Fairness, "allowed", lambda self, cliques, candidates: (True,) * len(list(candidates)))
    with pytest.raises(ReleaseError, match=r"got a way sex - .*pay past the admissible"):
        release(synthesizer)


def test_a_model_that_is_not_what_was_measured_is_caught_by_its_numbers():
    unfair, fair = release("mst", None), release("mst")
    assert "a dependence beyond the admissible" in str(unfairness(FAIR, (), fair.measurements, unfair.model))
    net = BayesNet(fair.model.domain, NAMES, ((),) * 6, (np.ones(3) / 3,) * 6, 10.0)
    assert "another kind (BayesNet)" in str(unfairness(FAIR, (), fair.measurements, net))


def test_constraints_are_kept_and_count():
    rule = dpsynth.Forbidden({"title": 0, "rank": 2})
    schema = dpsynth.Schema(SCHEMA.columns, constraints=[rule])
    table = people()
    keep = ~((table["title"] == 0) & (table["rank"] == 2))
    made = dpsynth.synthesize(
        {name: column[keep] for name, column in table.items()}, schema, epsilon=1, delta=1e-6, synthesizer="mst",
        fairness=FAIR, seed=1, rows=500,
    )  # fmt: skip
    assert left_over(made) < 1e-9
    assert not ((made.table.title == 0) & (made.table["rank"] == 2)).any()
    cliques = {frozenset(one.clique) for one in made.measurements}
    assert not {frozenset({"sex", "title"}), frozenset({"rank", "pay"})} <= cliques
    assert unfairness(FAIR, [rule, dpsynth.Order(["sex", "rank"]), dpsynth.Order(["rank", "pay"])], (), made.model)


def test_the_release_says_so_and_a_false_word_fails_verification(tmp_path, monkeypatch):
    monkeypatch.setattr(verifier, "_delta_by_dp_accounting", lambda mu, epsilon: None)  # of no matter here, and slow
    fair = release("mst", "protected=sex; outcome=pay; admissible=study,hours")
    assert fair.certificate.settings["fairness"] == {
        "protected": ["sex"], "outcome": "pay", "admissible": ["study", "hours"],
    }  # fmt: skip
    words = " ".join(plain_words(fair.certificate).split())
    assert "Fairness: pay depends on sex only through study and hours. That is a property of the model" in words
    assert "pay depends on sex only through study and hours" in fair._repr_html_()
    fair.save(tmp_path / "fair")
    assert verify(tmp_path / "fair")["same release"].status == "pass"
    plain = release("mst", None)
    assert "airness" not in plain_words(plain.certificate)
    claimed = {**plain.certificate.settings, "fairness": fair.certificate.settings["fairness"]}
    false = dataclasses.replace(plain, certificate=dataclasses.replace(plain.certificate, settings=claimed))
    false.save(tmp_path / "false")
    found = verify(tmp_path / "false")["same release"]
    assert found.status == "fail"
    assert "not as fair as the certificate says: a way sex" in found.words


def test_other_shares_of_groups_and_outcomes_keep_it():
    made = release("mst")
    shares = {"sex": {0: 0.5, 1: 0.5}, "pay": {2: 0.8}}
    drawn = conditioned(Sampler(made.codec, made.model), SCHEMA, {"rank": [0, 1]}, shares)
    assert drawn.model.project(("pay",))[2] == pytest.approx(0.8 * drawn.model.total)
    assert dependence_given(drawn.model, ("sex",), ("pay",), ("study", "hours")) < 1e-9


def test_what_cannot_keep_it_or_contradicts_it_is_refused_before_data_is_read():
    def plan(**options):
        return dpsynth.plan(SCHEMA, epsilon=1, delta=1e-6, **{"fairness": FAIR, **options})

    assert plan().synthesizer == "aim"
    assert "fairness" in str(plan().reason)
    with pytest.raises(SettingError, match=r"fairness must be given to .* got 'mosaic'; try one of \['mst', 'aim'\]"):
        plan(synthesizer="mosaic")
    with pytest.raises(SettingError, match=r"must not list .sex, study, pay. when pay depends on sex only"):
        plan(workload="sex,study,pay")
    plan(workload="sex,study;study,pay")
    with pytest.raises(SettingError, match="given once"):
        plan(synthesizer="mst", settings={"fairness": "protected=sex; outcome=pay"})
    with pytest.raises(SettingError, match="did you mean 'study'"):
        plan(fairness=Fairness(["sex"], "pay", ["studies"]))


def test_two_columns_that_must_not_meet_leave_single_ones():
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in ("sex", "pay")])
    table = {name: people()[name] for name in ("sex", "pay")}
    for synthesizer in ("mst", "aim"):
        made = dpsynth.synthesize(
            table, schema, epsilon=1, delta=1e-6, synthesizer=synthesizer, fairness=Fairness(["sex"], "pay")
        )
        assert {one.clique for one in made.measurements} == {("sex",), ("pay",)}
        assert sum(one.share for one in made.certificate.mechanisms) == pytest.approx(1, abs=1e-6)
    tied = dpsynth.Schema(
        [dpsynth.Categorical(name, values=range(3)) for name in ("sex", "pay", "rank")],
        constraints=[dpsynth.Forbidden({"sex": 0, "rank": 2})],
    )
    alone = dpsynth.synthesize(
        {**table, "rank": np.zeros(2000, dtype=int)}, tied, epsilon=1, delta=1e-6, synthesizer="mst",
        fairness=Fairness(["sex"], "pay"),
    )  # fmt: skip
    assert unfairness(Fairness(["sex"], "pay"), tied.constraints, alone.measurements, alone.model) is None
