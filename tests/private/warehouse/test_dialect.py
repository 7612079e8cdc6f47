"""Names and values in statements say what they are and nothing else."""

from __future__ import annotations

import pytest

from dpsynth.errors import SettingError
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.dialect import DUCKDB_SQL, POSTGRES_SQL, identifier, real, text_bytes
from tests.private.warehouse.engines import need_duckdb

HOSTILE = ['"', '""', "'; DROP TABLE t; --", 'a" FROM t; --', "\\", "%s", "$1", "\n", "é\U0001f600", "--", "/*"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_texts_come_back_as_they_were(name: str) -> None:
    need_duckdb()
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {text_bytes(DUCKDB_SQL, name)} AS {identifier(name)}")
        assert found.description[0][0] == name
        assert found.fetchall() == [(name.encode(),)]


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(SettingError, match="NUL"):
        identifier("a\0b")


def test_text_is_written_as_digits_and_numbers_as_they_are_read() -> None:
    assert text_bytes(POSTGRES_SQL, "'") == "decode('27', 'hex')"
    assert real(0.1) == "CAST('0.1' AS DOUBLE PRECISION)"


def test_no_address_shows_its_password() -> None:
    warehouse = Warehouse.of("postgresql://steward:hush@db/clinic?table=public.rows&sslmode=require")
    assert warehouse == Warehouse("postgresql://steward:hush@db/clinic?sslmode=require", "public.rows")
    assert "hush" not in repr(warehouse)
    for wrong in (
        lambda: Warehouse("mysql://a:hush@b", "t"),
        lambda: Warehouse.of("postgresql://a:hush@b/c"),
        lambda: Warehouse.of("Postgresql://a:hush@b/c?table=t"),
        lambda: Warehouse.of("postgresql+psycopg://a:hush@b/c?table=t"),
        lambda: Warehouse.of("postgresql://a:hush@b/c?table=t&table=u"),
        lambda: Warehouse.of("duckdb://hush.duckdb?table=t"),
        lambda: Warehouse.of("duckdb:///hush.duckdb?table=a..b"),
    ):
        with pytest.raises(SettingError) as error:
            wrong()
        assert "hush" not in f"{error.value} {error.value.__cause__} {error.value.__context__}"
    kept = "sslmode=require&options=-c%20geqo%3Doff&password=a+b%25"
    assert Warehouse.of(f"postgresql://u@h/d?{kept}&table=a%26b") == Warehouse(f"postgresql://u@h/d?{kept}", "a&b")
    assert Warehouse.of("rows.csv") is None
    assert Warehouse.of("s3://bucket/rows.parquet") is None
