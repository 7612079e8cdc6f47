"""A release in memory and on disk: equal after the round trip, free to sample, refused when anything is wrong."""

from __future__ import annotations

import dataclasses
import errno
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DPSynthError, ReleaseError, SettingError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.models.random_field import RandomField
from dpsynth.release import bundle
from dpsynth.release.bundle import FILES, MANIFEST
from dpsynth.release.release import Release, load, load_certificate

_spec = importlib.util.spec_from_file_location("certificates", Path(__file__).with_name("test_certificate.py"))
assert _spec is not None
assert _spec.loader is not None
_certificates = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_certificates)

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("person", prefix="P"),
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True, source="codebook"),
        dpsynth.OpenCategorical("city", max_values=5, known=["=1+1"]),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, nullable=True),
        dpsynth.Numeric("wage", lower=0, upper=10, decimals=2, edges=[5]),
        dpsynth.Boolean("member"),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-12-31", edges=["2020-07-01"]),
    ]
)


def make_release(rows: int = 200, seed: int = 11) -> Release:
    columns = [closed_codec(column) for column in SCHEMA if column.name not in ("city", "age")]
    columns.insert(2, OpenCodec(SCHEMA["city"], ("=1+1", "Oslo")))  # type: ignore[arg-type]
    columns.insert(3, BinnedCodec(SCHEMA["age"], (0, 18, 65, 100)))  # type: ignore[arg-type]
    codec = Codec(tuple(columns))
    rng = np.random.default_rng(0)
    one_way = {name: rng.uniform(1, 20, codec.domain[name]) for name in codec.domain}
    measured = (
        NoisyMarginal(("sex",), rng.integers(-5, 100, codec.domain.shape(("sex",))).astype(float), 2.5),
        NoisyMarginal(("age", "sex"), rng.normal(size=codec.domain.shape(("age", "sex"))), 3.5, Basis.RESIDUAL),
    )
    certificate = _certificates.make_certificate(rows=rows, seed=seed)
    return Release(
        SCHEMA, codec, RandomField.independent(codec.domain, one_way, 180.5), measured, certificate, rows, seed
    )


@pytest.fixture(scope="module")
def release() -> Release:
    return make_release()


@pytest.fixture
def saved(release: Release, tmp_path: Path) -> Path:
    return release.save(tmp_path / "release")


def test_the_table_has_the_schema_s_columns_and_the_asked_rows(release: Release) -> None:
    assert tuple(release.table.columns) == SCHEMA.names
    assert len(release.table) == 200
    assert release.table is release.table


def test_a_table_of_many_parts_is_the_same_however_it_is_drawn_or_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dpsynth.release.release.PART_ROWS", 64)
    release = make_release(rows=200)
    parts = list(release.sample_parts(seed=release.seed))
    assert [len(part) for part in parts] == [64, 64, 64, 8]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), release.table)
    assert release.table["person"].is_unique
    assert not parts[0]["wage"].equals(parts[1]["wage"]), "every part has randomness of its own"
    # A whole part does not hang on how many rows are drawn in all.
    for one, other in zip(parts[:3], release.sample_parts(1000, seed=release.seed), strict=False):
        pd.testing.assert_frame_equal(one, other)
    drawn = make_release(rows=200)  # whose table is in no memory when it is written
    drawn.save(tmp_path / "drawn")
    release.save(tmp_path / "held")
    pd.testing.assert_frame_equal(load(tmp_path / "drawn").table, release.table)
    assert (tmp_path / "drawn" / "synthetic.csv").read_bytes() == (tmp_path / "held" / "synthetic.csv").read_bytes()


def test_the_seed_decides_the_rows(release: Release) -> None:
    pd.testing.assert_frame_equal(release.table, make_release().table)
    pd.testing.assert_frame_equal(release.sample(50, seed=4), release.sample(50, seed=4))
    assert not release.sample(200, seed=4).equals(release.sample(200, seed=5))
    assert not release.sample(200).equals(release.sample(200))
    assert len(release.sample()) == 200
    assert len(release.sample(0)) == 0


@pytest.mark.parametrize("wrong", [{"rows": -1}, {"seed": -1}])
def test_negative_rows_and_seeds_are_refused(release: Release, wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="must not be negative"):
        release.sample(**wrong)


def test_everything_comes_back_from_disk(release: Release, saved: Path) -> None:
    back = load(saved)
    pd.testing.assert_frame_equal(back.table, release.table)
    pd.testing.assert_frame_equal(back.sample(77, seed=3), release.sample(77, seed=3))
    assert (back.certificate, back.rows, back.seed) == (release.certificate, release.rows, release.seed)
    assert (back.codec, back.schema.to_json()) == (release.codec, release.schema.to_json())
    assert dpsynth.Schema.load(saved / "schema.yaml").to_json() == release.schema.to_json()
    assert load_certificate(saved) == release.certificate
    for ours, theirs in zip(back.measurements, release.measurements, strict=True):
        assert (ours.clique, ours.stddev, ours.basis) == (theirs.clique, theirs.stddev, theirs.basis)
        np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(back.model.project(("sex", "city")), release.model.project(("sex", "city")))


def test_a_loaded_release_can_be_saved_again(saved: Path, tmp_path: Path) -> None:
    load(saved).save(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name


def test_the_csv_says_the_same_as_the_table(release: Release, saved: Path) -> None:
    frame = pd.read_csv(saved / "synthetic.csv", keep_default_na=False, na_values=[""], dtype="string")
    for name in SCHEMA.names:
        ours = release.table[name]
        assert frame[name].isna().tolist() == ours.isna().tolist(), name
    assert frame["sex"].dropna().tolist() == release.table["sex"].dropna().astype(str).tolist()
    assert frame["age"].dropna().astype(int).tolist() == release.table["age"].dropna().astype(int).tolist()
    assert frame["wage"].astype(float).tolist() == release.table["wage"].astype(float).tolist()
    assert pd.to_datetime(frame["joined"]).tolist() == pd.to_datetime(release.table["joined"]).tolist()
    assert "=1+1" in set(frame["city"])


def test_formulas_are_quoted_in_the_csv_when_asked(release: Release, tmp_path: Path) -> None:
    release.save(tmp_path / "quoted", quote_formulas=True)
    cities = set(pd.read_csv(tmp_path / "quoted" / "synthetic.csv")["city"])
    assert "'=1+1" in cities
    assert "=1+1" not in cities
    assert "=1+1" in set(load(tmp_path / "quoted").table["city"])


def test_an_empty_table_can_be_released(tmp_path: Path) -> None:
    empty = make_release(rows=0)
    empty.save(tmp_path / "empty")
    pd.testing.assert_frame_equal(load(tmp_path / "empty").table, empty.table)


@pytest.mark.parametrize("name", FILES)
def test_a_tampered_file_is_found_on_loading(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(bytes(content))
    with pytest.raises(ReleaseError, match=name):
        load(saved)
    with pytest.raises(ReleaseError, match=name):
        load_certificate(saved)


def test_a_table_changed_after_loading_is_found_when_it_is_read(saved: Path) -> None:
    back = load(saved)
    (saved / "synthetic.parquet").write_bytes(b"x" * (saved / "synthetic.parquet").stat().st_size)
    with pytest.raises(ReleaseError, match=r"synthetic\.parquet"):
        _ = back.table


def _forge(saved: Path, name: str, content: bytes) -> None:
    """Put other content into a release, with a manifest that agrees: what a forger would do."""
    (saved / name).write_bytes(content)
    manifest = json.loads((saved / MANIFEST).read_text())
    digest = bundle.hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"sha256": digest, "bytes": len(content)}
    (saved / MANIFEST).write_text(json.dumps(manifest))


def _edit(saved: Path, name: str, **changes: Any) -> None:
    _forge(saved, name, json.dumps({**json.loads((saved / name).read_text()), **changes}).encode())


@pytest.mark.parametrize("name", ["certificate.json", "measurements.json", "model.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\x80\x04.", b'{"format": "x"}', b"[" * 100_000])
def test_forged_documents_are_refused(saved: Path, name: str, content: bytes) -> None:
    _forge(saved, name, content)
    with pytest.raises(ReleaseError):
        load(saved)


@pytest.mark.parametrize("name", ["measurements.npz", "model.npz"])
def test_forged_arrays_are_refused(saved: Path, name: str) -> None:
    for content in (b"", b"PK\x05\x06" + bytes(18), (saved / name).read_bytes()[:-10]):
        _forge(saved, name, content)
        with pytest.raises(ReleaseError):
            load(saved)


def test_forged_contents_of_documents_are_refused(saved: Path) -> None:
    measured = json.loads((saved / "measurements.json").read_text())
    model = json.loads((saved / "model.json").read_text())
    entry = measured["measurements"][0]
    forgeries: list[tuple[str, dict[str, Any]]] = [
        ("measurements.json", {"domain": {"sex": 10**12}}),
        ("measurements.json", {"domain": {"sex": "many"}}),
        ("measurements.json", {"domain": []}),
        ("measurements.json", {"measurements": [{**entry, "clique": ["no", "such"]}]}),
        ("measurements.json", {"measurements": [{**entry, "stddev": -1.0}]}),
        ("measurements.json", {"measurements": [{**entry, "basis": "other"}]}),
        ("measurements.json", {"measurements": [entry]}),
        ("measurements.json", {"measurements": [{**entry, "array": "../model"}]}),
        ("measurements.json", {"measurements": 7}),
        ("model.json", {"schema": None}),
        ("model.json", {"schema": {**model["schema"], "columns": model["schema"]["columns"][1:]}}),
        ("model.json", {"codec": {}}),
        ("model.json", {"codec": {**model["codec"], "columns": model["codec"]["columns"][:2]}}),
        ("model.json", {"model": {}}),
        ("model.json", {"model": "pickle"}),
        ("model.json", {"version": 2}),
    ]
    for name, changes in forgeries:
        original = (saved / name).read_bytes()
        _edit(saved, name, **changes)
        with pytest.raises(ReleaseError):
            load(saved)
        _forge(saved, name, original)
    load(saved)


def test_a_forged_table_is_refused(saved: Path, release: Release, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    for frame in (release.table.iloc[:-1], release.table.drop(columns="age")):
        frame.to_parquet(other, index=False)
        _forge(saved, "synthetic.parquet", other.read_bytes())
        with pytest.raises(ReleaseError, match=r"synthetic\.parquet"):
            _ = load(saved).table
    _forge(saved, "synthetic.parquet", b"PAR1" + bytes(50) + b"PAR1")
    with pytest.raises(ReleaseError, match=r"synthetic\.parquet"):
        _ = load(saved).table


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_fills_up_while_a_file_is_written_leaves_nothing(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    writers = release._writers(False)

    def fail_half_way(path: Path) -> None:
        writers[name](path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        raise error

    old = make_release(rows=5)
    old.save(tmp_path / "release")
    before = {path.name: path.read_bytes() for path in (tmp_path / "release").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(Release, "_writers", lambda *_: {**writers, name: fail_half_way})
        for target, overwrite in ((tmp_path / "new", False), (tmp_path / "release", True)):
            with pytest.raises((DPSynthError, KeyboardInterrupt)):
                release.save(target, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "release").iterdir()} == before


def test_a_certificate_that_does_not_add_up_cannot_be_loaded(saved: Path) -> None:
    document = json.loads((saved / "certificate.json").read_text())
    _edit(saved, "certificate.json", promise={**document["promise"], "epsilon": 0.1})
    with pytest.raises(ReleaseError, match="add up"):
        load(saved)


def test_a_release_is_a_frozen_value(release: Release) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        release.rows = 3  # type: ignore[misc]


def test_it_shows_itself_in_one_line(release: Release) -> None:
    assert repr(release) == "Release(200 rows, 7 columns, synthesizer='mst', epsilon=1, delta=1e-09)"
