"""The content digest: stable under saving, loading and drawing anew, and another for every other content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dpsynth
from dpsynth.marginal import NoisyMarginal
from dpsynth.release.bundle import FILES
from dpsynth.release.content import CONTENT, content_digest
from dpsynth.release.directory import Directory
from dpsynth.release.release import Release
from dpsynth.selftest import SETTINGS
from dpsynth.synthesizers.catalogue import CATALOGUE

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True, source="codebook"),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, nullable=True),
        dpsynth.Boolean("member"),
        dpsynth.OpenCategorical("town"),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-12-31", edges=["2020-07-01"]),
    ]
)


def made(synthesizer: str) -> Release:
    rng = np.random.default_rng(1)
    table = {
        "sex": rng.choice(["F", "M"], 600),
        "age": rng.integers(0, 99, 600),
        "member": rng.random(600) < 0.4,
        "town": rng.choice(["Ely", "York"], 600),
        "joined": np.datetime64("2020-01-01") + rng.integers(0, 366, 600),
    }
    settings: dict[str, Any] = {"epsilon": 4.0, "delta": 1e-5, "rows": 40, "seed": 1, "synthesizer": synthesizer}
    if synthesizer != "direct":
        settings["settings"] = SETTINGS.get(synthesizer, {})
    else:
        settings["settings"] = {"marginals": "sex,member;age"}
    return dpsynth.synthesize(table, SCHEMA, **settings)


@pytest.mark.parametrize("synthesizer", sorted(CATALOGUE))
def test_what_is_saved_loaded_and_saved_again_has_the_same_content(synthesizer: str, tmp_path: Path) -> None:
    release = made(synthesizer)
    release.save(tmp_path / "first")
    loaded = dpsynth.load(tmp_path / "first")
    loaded.save(tmp_path / "second")
    dpsynth.load(tmp_path / "second").drawn(7, 99).save(tmp_path / "third", quote_formulas=True)
    for name in CONTENT:
        contents = {(tmp_path / place / name).read_bytes() for place in ("first", "second", "third")}
        assert len(contents) == 1, name
    expected = content_digest(Directory(tmp_path / "first").digests())
    assert {each.content_digest for each in (release, loaded, loaded.drawn(7, 99))} == {expected}
    # Only the table and what speaks of it differ.
    assert (tmp_path / "first" / "synthetic.csv").read_bytes() != (tmp_path / "third" / "synthetic.csv").read_bytes()


def test_whole_numbers_are_written_as_the_floats_that_they_are_read_as(tmp_path: Path) -> None:
    release = made("independent")
    first = release.measurements[0]
    whole = NoisyMarginal(first.clique, np.rint(first.values).astype(np.int64), 2, first.basis, first.groups)  # type: ignore[arg-type]
    assert whole.values.dtype == np.float64
    counted = replace(release, measurements=(whole, *release.measurements[1:]))
    assert dpsynth.load(counted.save(tmp_path / "out")).drawn(3, 3).content_digest == counted.content_digest


def test_every_file_counts_and_no_other() -> None:
    digests = {name: f"{place:064x}" for place, name in enumerate(FILES)}
    expected = content_digest(digests)
    for name in FILES:
        assert (content_digest({**digests, name: "f" * 64}) == expected) == (name not in CONTENT)
    # Two files that change places are another content.
    swapped = {**digests, "model.json": digests["model.npz"], "model.npz": digests["model.json"]}
    assert content_digest(swapped) != expected


def test_a_release_with_its_own_rows_and_seed_stays_as_it_is() -> None:
    release = made("independent")
    assert release.drawn(None, None) is release
    assert release.drawn(release.rows, release.seed) is release
    other = release.drawn(3, None)
    assert (other.rows, other.seed, other.certificate.rows, other.stored) == (3, release.seed, 3, None)
