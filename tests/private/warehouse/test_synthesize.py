"""A release of a table that stays in its database."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import click
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.private.warehouse.address import Warehouse
from tests.private.warehouse.engines import Put

SCHEMA = dpsynth.Schema([dpsynth.Categorical("c", values=["a", "b"]), dpsynth.Boolean("d")])
WIDE = dpsynth.Schema([dpsynth.Categorical(f"c{place}", values=range(50)) for place in range(4)])
BUDGET = {"epsilon": 100.0, "delta": 1e-6}
ABSENT = "duckdb:///absent.duckdb?table=rows"


def address(where: Warehouse) -> str:
    return f"{where.url}?table={quote(where.table)}"


def test_a_release_of_a_table_in_a_database_says_nothing_of_where_it_is(put: Put, tmp_path: Path) -> None:
    where = put(pa.table({"c": ["a", "b"] * 200, "d": [True, False] * 200}))
    ledger, checkpoint = tmp_path / "ledger.db", tmp_path / "checkpoint"
    dpsynth.Ledger.init(ledger, (200.0, 1e-5)).close()
    booked = {"ledger": ledger, "request_id": "one", "checkpoint": checkpoint}
    release = dpsynth.synthesize(address(where), SCHEMA, rows=50, synthesizer="mst", **BUDGET, **booked)
    assert len(release.table) == 50
    assert (release.table["c"] == "a").eq(release.table["d"]).mean() > 0.8, "a and True go together"
    release.save(tmp_path / "release")
    secrets = [part for part in (where.url, unquote(where.url), where.table) if part]
    secrets += [] if where.path is None else [str(where.path), where.path.name]
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], file.name


def test_the_command_line_takes_an_address_and_says_so(put: Put, tmp_path: Path) -> None:
    where = put(pa.table({"c": ["a", "b"] * 200, "d": [True, False] * 200}))
    SCHEMA.save(tmp_path / "schema.yaml")
    asked = ["--schema", str(tmp_path / "schema.yaml")]
    out = ["--epsilon", "1", "--delta", "1e-6", "--synthesizer", "independent", "--out", str(tmp_path / "release")]
    made = CliRunner().invoke(app, ["synthesize", address(where), *asked, *out])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "release" / "synthetic.csv").is_file()
    fits = CliRunner().invoke(app, ["schema", "check", address(where), *asked])
    assert (fits.exit_code, "fits its schema" in fits.output) == (0, True)
    for command in (["synthesize"], ["schema", "check"]):
        said = click.unstyle(CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output)
        assert "duckdb:///FILE?table=NAME" in said
        assert "postgresql://USER@HOST/DATABASE?table=NAME" in said


def test_what_a_warehouse_cannot_do_is_refused_before_it_is_connected_to(tmp_path: Path) -> None:
    for refused, message in (
        ({"audit_pool": 10}, "audit_pool must be False"),
        ({"settings": {"rows_in": "memory"}}, "rows must be free to stay"),
        ({"settings": {"rows_in": "disk"}}, "rows must be free to stay"),
        ({"synthesizer": "vae"}, "rows must be free to stay"),
    ):
        with pytest.raises(dpsynth.SettingError, match=message):
            dpsynth.synthesize(ABSENT, SCHEMA, **BUDGET, **refused)
    with pytest.raises(dpsynth.SettingError, match=r"must have at most 65536 cells .*got 6250000"):
        dpsynth.synthesize(ABSENT, WIDE, **BUDGET, synthesizer="copula")
    with pytest.raises(dpsynth.DataError, match="file of the warehouse must exist"):
        dpsynth.synthesize(ABSENT, SCHEMA, **BUDGET)


def test_a_refused_table_costs_nothing(tmp_path: Path) -> None:
    dpsynth.Ledger.init(tmp_path / "ledger.db", (200.0, 1e-5)).close()
    with dpsynth.open_ledger(tmp_path / "ledger.db") as ledger:
        before = ledger.remaining("population")
        with pytest.raises(dpsynth.DataError):
            dpsynth.synthesize(ABSENT, SCHEMA, **BUDGET, ledger=ledger)
        assert ledger.remaining("population") == before


def test_a_schema_is_not_drafted_from_an_address() -> None:
    for scheme in ("duckdb:///", "postgresql://u:hush@h/"):
        with pytest.raises(dpsynth.DataError, match="got an address") as error:
            dpsynth.draft(f"{scheme}d?table=rows")
        assert "hush" not in str(error.value)
