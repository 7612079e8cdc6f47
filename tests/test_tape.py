"""A run that was cut off goes on with the answers that it was given, and pays once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from dpsynth.ledger.book import State
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.release.release import Release
from dpsynth.replay import same
from dpsynth.tape import Tape, decoded, encoded

SCHEMA = dpsynth.Schema([dpsynth.OpenCategorical("town"), dpsynth.Numeric("age", lower=0, upper=99, integer=True),
                         *(dpsynth.Categorical(name, values=range(3)) for name in "ab")])  # fmt: skip
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"town": RNG.choice(["York", "Ely", "Bath"], 600), "age": RNG.integers(0, 99, 600),
                      "a": RNG.integers(0, 3, 600), "b": RNG.integers(0, 3, 600)})  # fmt: skip

leaves = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(values)
def test_answers_come_back_as_they_were(value: Any) -> None:
    assert same(decoded(encoded(value, {}), {}), value)


def test_arrays_and_marginals_come_back_as_they_were() -> None:
    answer = (
        NoisyMarginal(("a", "b"), np.arange(6.0).reshape(2, 3), 1.5, Basis.RESIDUAL),
        NoisyMarginal(("a",), np.arange(2.0), 0.5, Basis.IDENTITY, ((0, 1, 1),)),
        {"weights": np.ones((2, 2), np.float32), ("x", 1): np.int64(3)},
    )
    arrays: dict[str, Any] = {}
    assert same(decoded(encoded(answer, arrays), arrays), answer)
    with pytest.raises(dpsynth.SettingError, match="to be kept"):
        encoded(object(), {})


class Killed(BaseException):
    pass


def made(checkpoint: Path | None, **options: Any) -> Release:
    defaults = {"epsilon": 1.0, "delta": 1e-6, "synthesizer": "mst", "seed": 1}
    return dpsynth.synthesize(TABLE, SCHEMA, **{**defaults, **options}, checkpoint=checkpoint)


def cut_off(monkeypatch: pytest.MonkeyPatch, at: int, asked: list[str], run: Any) -> None:
    """Run, and kill it when mechanism number `at` has its answer; note what was asked of the rows."""
    plain = Tape.answered

    def killing(self: Tape, number: int, label: str, described: Any, ask: Any) -> Any:
        def counted() -> Any:
            asked.append(label)
            return ask()

        answer = plain(self, number, label, described, counted)
        if number == at:
            raise Killed
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Tape, "answered", killing)
        run()


@pytest.mark.parametrize("at", [0, 2, 5])
def test_nothing_is_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    asked: list[str] = []
    with pytest.raises(Killed):
        cut_off(monkeypatch, at, asked, lambda: made(tmp_path / "run"))
    assert len(asked) == at + 1
    releases: list[Release] = []
    cut_off(monkeypatch, -1, asked, lambda: releases.append(made(tmp_path / "run")))
    whole = made(None)
    labels = [step.label for step in whole.certificate.mechanisms]
    assert len(asked) == len(labels)  # each of them once, over both runs
    assert [step.label for step in releases[0].certificate.mechanisms] == labels
    spent, alone = (each.certificate.spending for each in (releases[0], whole))
    assert spent.spent_mu_squared == pytest.approx(alone.spent_mu_squared, rel=1e-6)
    assert spent.granted_mu_squared == alone.granted_mu_squared
    assert releases[0].certificate.promise == whole.certificate.promise
    # Once done, the same run is the same release: no row is asked.
    again = made(tmp_path / "run")
    pd.testing.assert_frame_equal(again.table, releases[0].table)
    assert again.content_digest == releases[0].content_digest


def test_a_ledger_lets_it_go_on_with_its_tape_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dpsynth.Ledger.init(tmp_path / "ledger.db", (2.0, 1e-6, 5e-7)).close()
    booked = {"ledger": tmp_path / "ledger.db", "request_id": "x"}
    with pytest.raises(Killed):
        cut_off(monkeypatch, 3, [], lambda: made(tmp_path / "run", **booked))
    with dpsynth.open_ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.state("x") is State.TOUCHED
        before = ledger.remaining("population")
    for other in (None, tmp_path / "new"):
        with pytest.raises(dpsynth.LedgerError, match="checkpoint that it was given"):
            made(other, **booked)
    with pytest.raises(dpsynth.DataError):  # the table cannot be read: nothing is given back
        dpsynth.synthesize(TABLE.drop(columns="a"), SCHEMA, epsilon=1.0, delta=1e-6, synthesizer="mst", seed=1,
                           checkpoint=tmp_path / "run", **booked)  # type: ignore[arg-type]  # fmt: skip
    made(tmp_path / "run", **booked)
    with dpsynth.open_ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.state("x") is State.RELEASED
        assert ledger.remaining("population") == before


def test_a_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    from dpsynth.networks.vae import VaeTrainee

    small = {"hidden": 4, "latent": 2, "training_steps": 120, "warm_rows": 100, "epochs": 1, "components": 8}
    taken: list[int] = []
    plain = VaeTrainee.update

    def killing(self: VaeTrainee, step: int) -> None:
        if self.settings.start_from is not None:
            taken.append(step)
            if len(taken) == 70:
                raise Killed
        plain(self, step)

    monkeypatch.setattr(VaeTrainee, "update", killing)
    with pytest.raises(Killed):
        made(tmp_path / "run", synthesizer="vae", settings=small)
    release = made(tmp_path / "run", synthesizer="vae", settings=small)
    assert taken == [*range(70), *range(100, 120)]  # a block of fifty may have met the rows: it is gone
    training = release.certificate.mechanisms[-1]
    assert (training.kind, training.parameters["steps"]) == ("DP-SGD", 120)


def test_whose_a_folder_is(tmp_path: Path) -> None:
    made(tmp_path / "run", synthesizer="independent")
    with pytest.raises(dpsynth.SettingError, match="this very run"):
        made(tmp_path / "run", synthesizer="independent", epsilon=2.0)
    with pytest.raises(dpsynth.SettingError, match="audit pool"):
        made(tmp_path / "pool", audit_pool=True)
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(dpsynth.SettingError, match="owner alone"):
        made(tmp_path / "open")
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(dpsynth.SettingError, match="other files"):
        made(tmp_path / "mine")
    tape = Tape(tmp_path / "locked", {})
    with pytest.raises(dpsynth.SettingError, match="another run has open"):
        Tape(tmp_path / "locked", {})
    tape.close()
    Tape(tmp_path / "locked", {}).close()


def test_the_tape_is_for_its_owner_alone(tmp_path: Path) -> None:
    made(tmp_path / "run", synthesizer="independent")
    assert not any(path.stat().st_mode & 0o077 for path in (tmp_path / "run").glob("*.npz"))


def test_an_answer_of_another_mechanism_is_refused(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "run", {})
    assert tape.answered(0, "one", {"stddev": 1.0}, lambda: 5) == 5
    assert tape.answered(0, "one", {"stddev": 1.0}, lambda: 6) == 5
    with pytest.raises(dpsynth.SettingError, match="answers of this run"):
        tape.answered(0, "one", {"stddev": 2.0}, lambda: 7)
    tape.close()
