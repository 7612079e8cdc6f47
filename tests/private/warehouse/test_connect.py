"""What a database defines changes nothing of what our statements say, and errors quote neither cells nor passwords."""

from __future__ import annotations

import stat
import tempfile
import traceback
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DataError, MissingExtraError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.connect import connect
from dpsynth.private.warehouse.counter import WarehouseCounter
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema
from tests.private.warehouse.engines import Put, in_duckdb, need_duckdb

SECRET = "CanaryQz7"
PEOPLE = Schema([Identifier("person"), OpenCategorical("city")])
TABLE = pa.table({"person": ["u"] * 4 + ["v"], "city": ["a", "b", "c", "d", "e"]})
FUNCTIONS = {
    "sha256": "sha256(x) AS 'a'",
    "count": "count(x) AS 7",
    "encode": "encode(x) AS CAST('zz' AS BLOB)",
    "row_number": "row_number() AS 1",
}
HOSTILE_IN_POSTGRES = """
CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT '\\x00'::bytea $$;
CREATE FUNCTION public.convert_to(text, text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT '\\x00'::bytea $$;
CREATE FUNCTION public.equal(int2, int4) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
CREATE OPERATOR public.= (LEFTARG = int2, RIGHTARG = int4, FUNCTION = public.equal);
ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog;
"""


def codec_of(schema: Schema) -> Codec:
    return Codec(
        tuple(
            OpenCodec(column, ("a", " a", "a ", "TRUE", "1", "-5", "0", "\u00e9"))
            if isinstance(column, OpenCategorical)
            else BinnedCodec(column, tuple(sorted({0, 1, column.ticks // 2, column.ticks - 1, column.ticks})))
            if isinstance(column, Numeric | Datetime)
            else closed_codec(column)
            for column in schema.columns
        )
    )


def counted(counter: Counter, column: Column) -> list[object]:
    found: list[object] = [counter.marginals(codec_of(counter.schema), [("x",)])[("x",)].tolist()]
    if isinstance(column, OpenCategorical):
        found += [counter.frequencies("x")]
    if isinstance(column, Numeric | Datetime):
        edges = np.unique([0, 1, column.ticks // 3, column.ticks - 1, column.ticks])
        found += [counter.histogram("x", edges).tolist()]
    return found


def counter_of(where: Warehouse, schema: Schema = PEOPLE, max_rows: int = 2) -> WarehouseCounter:
    unit = PrivacyUnit(column="person", max_rows=max_rows) if "person" in schema else PrivacyUnit()
    return WarehouseCounter.of(where, schema, unit, InsecureTestEntropy(3))


def with_hostile_functions(where: Warehouse) -> Warehouse:
    """The same rows in a database in which functions of the engine are hidden by others of their names."""
    if where.path is not None:
        import duckdb

        with duckdb.connect(str(where.path)) as connection:
            for macro in FUNCTIONS.values():
                connection.execute(f"CREATE MACRO {macro}")
            assert connection.execute("SELECT sha256('b')").fetchall() == [("a",)], "a macro does hide the function"
        return where
    import psycopg

    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE hostile")
        connection.execute("CREATE ROLE guest LOGIN SUPERUSER PASSWORD 'guest'")
    url = f"postgresql://guest:guest@{where.url.rpartition('@')[2].partition('/')[0]}/hostile"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (person text, city text)")
        rows = list(zip(*TABLE.to_pydict().values(), strict=True))
        connection.cursor().executemany("INSERT INTO people VALUES (%s, %s)", rows)
        for statement in HOSTILE_IN_POSTGRES.strip().split("\n"):
            connection.execute(statement)
    return Warehouse(url, "people")


def test_functions_that_bear_the_names_of_the_engine_s_change_nothing(put: Put) -> None:
    counter = counter_of(with_hostile_functions(put(TABLE)))
    assert counter.total() == 3
    assert {"e": 1}.items() <= counter.frequencies("city").items()
    counter.close()


@pytest.mark.parametrize("name", ["rows", "frame", "frame.csv", "main.frame", "information_schema", "a.b"])
def test_neither_variables_nor_files_stand_in_for_a_table(
    name: str, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"person": ["u"], "city": ["x"]})
    for file in ("frame.csv", "warehouse.main.frame.csv", "warehouse.frame.csv"):
        frame.to_csv(tmp_path / file)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="got no such table"):
        connect(Warehouse(put(TABLE).url, name))


def test_a_column_that_bears_the_name_of_ours_is_read_as_the_column_it_is(put: Put) -> None:
    names = ("cells", "owner", "number", "c0", "value")
    table = pa.table({name: [place, place] for place, name in enumerate(names)})
    counter = counter_of(put(table), Schema([Categorical(name, values=range(5)) for name in names]))
    for place, name in enumerate(names):
        codec = codec_of(counter.schema)
        assert counter.marginals(codec, [(name,)])[(name,)].tolist() == [2 * (code == place) for code in range(5)]
    counter.close()


def test_what_does_not_fit_memory_lies_where_nobody_else_may_look(tmp_path: Path) -> None:
    need_duckdb()
    connection = connect(in_duckdb(TABLE, tmp_path))
    folder = Path(connection.rows("SELECT current_setting('temp_directory')")[0][0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.is_relative_to(tempfile.gettempdir())
    connection.run("SET memory_limit = '24MB'")
    connection.run("SET threads = 1")
    connection.run("CREATE TEMPORARY TABLE large AS SELECT random() AS a, random() AS b FROM range(3000000)")
    assert connection.rows("SELECT count(*) FROM temp.large") == [(3_000_000,)]
    assert any(folder.iterdir())
    connection.close()
    assert not folder.exists()


def test_the_steward_s_database_is_not_written_to(put: Put) -> None:
    where = put(TABLE)
    before = None if where.path is None else where.path.read_bytes()
    counter = counter_of(where)
    counter.total()
    if where.path is None:
        tables = counter._held[0].rows(
            "SELECT table_schema FROM information_schema.tables WHERE table_name LIKE 'dpsynth%'"
        )
        assert tables
        assert all(schema.startswith("pg_temp") for (schema,) in tables)
    else:
        with pytest.raises(DataError):
            counter._held[0].run(f"CREATE TABLE {counter._held[0].table}2 (a INTEGER)")
    counter.close()
    assert before is None or where.path is None or where.path.read_bytes() == before


def test_rows_that_are_written_meanwhile_are_not_counted(put: Put) -> None:
    where = put(TABLE)
    counter = counter_of(where)
    if where.path is None:
        import psycopg

        with psycopg.connect(where.url, autocommit=True) as connection:
            connection.execute(f'DELETE FROM "{where.table}"')
    else:  # nobody can write to a file that is open for reading; the next best is to ask
        import duckdb

        with pytest.raises(duckdb.Error):
            duckdb.connect(str(where.path))
    assert counter.total() == 3
    assert sum(counter.frequencies("city").values()) == 3
    counter.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_duckdb()
    where = in_duckdb(TABLE, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(SettingError, match="temporary files must find room; got: No such file"):
        connect(where)


def test_no_error_shows_a_code_that_the_database_chose(put: Put) -> None:
    """Five letters are enough to carry a cell out."""
    where = put(pa.table({"text": ["CANRY"]}))
    if where.path is not None:
        return  # errors of DuckDB have names of its own alone
    import psycopg

    raised = "BEGIN RAISE EXCEPTION USING ERRCODE = cell; END"
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(f"CREATE FUNCTION leak(cell text) RETURNS int LANGUAGE plpgsql AS $$ {raised} $$")
        connection.execute(f'CREATE VIEW leaking AS SELECT leak(text) AS n FROM "{where.table}"')
    with pytest.raises(DataError) as error:
        counter_of(Warehouse(where.url, "leaking"), Schema([Numeric("n", lower=0, upper=1, integer=True)]))
    assert "must answer" in str(error.value)
    assert "CANRY" not in str(error.value)


def test_no_error_quotes_a_cell(put: Put, caplog: pytest.LogCaptureFixture) -> None:
    """A view that fails on a cell, as the engine evaluates it; the engine's own error does quote it."""
    where = put(pa.table({"text": [SECRET]}))
    view = "failing_view"
    statement = f'CREATE VIEW {view} AS SELECT CAST(text AS INTEGER) AS n FROM "{where.table}"'
    if where.path is None:
        import psycopg as engine

        connection = engine.connect(where.url, autocommit=True)
    else:
        import duckdb as engine

        connection = engine.connect(str(where.path))
    with connection:
        connection.execute(statement)
        with pytest.raises(engine.Error, match=SECRET):
            connection.execute(f"SELECT * FROM {view}").fetchall()
    connection.close()
    with pytest.raises(DataError) as error:
        counter_of(Warehouse(where.url, view), Schema([Numeric("n", lower=0, upper=1, integer=True)]))
    shown = "".join(traceback.format_exception(error.value))
    assert SECRET not in shown
    assert SECRET not in caplog.text
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


@pytest.mark.parametrize("rest", ["127.0.0.1:1/d", "[::/d", "h:x/d", "127.0.0.1:1/\ud800", "127.0.0.1:1/d\0"])
def test_no_error_shows_a_password(rest: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DataError) as error:
        connect(Warehouse(f"postgresql://u:hush@{rest}", "t"))
    assert "hush" not in f"{error.value!r} {error.value.__cause__!r} {error.value.__context__!r}"


@pytest.mark.parametrize(("url", "package"), [("duckdb:///x", "duckdb"), ("postgresql://h/d", "psycopg")])
def test_an_absent_engine_is_named_with_its_extra(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    extra = {"duckdb": "warehouse", "psycopg": "postgres"}[package]
    with pytest.raises(MissingExtraError, match=rf"pip install 'dpsynth-engine\[{extra}\]'"):
        connect(Warehouse(url, "t"))


def test_an_account_needs_no_more_rights_than_documented(put: Put) -> None:
    where = put(TABLE)
    if where.path is not None:
        where.path.chmod(0o400)  # to read the file is all that DuckDB needs
        counter_of(where).close()
        return
    import psycopg

    rights = """
        CREATE ROLE counting LOGIN PASSWORD 'counting'; REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC;
        GRANT TEMPORARY ON DATABASE postgres TO counting; GRANT USAGE ON SCHEMA public TO counting
    """
    account = Warehouse(f"postgresql://counting:counting@{where.url.rpartition('@')[2]}", where.table)
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(rights)
        try:
            with pytest.raises(DataError, match="that you may read; got no such table"):
                counter_of(account)
            connection.execute(f'GRANT SELECT ON "{where.table}" TO counting')
            counter_of(account).close()
        finally:
            connection.execute(
                "DROP OWNED BY counting; DROP ROLE counting; GRANT TEMPORARY ON DATABASE postgres TO PUBLIC"
            )


COLUMNS: list[tuple[Column, pa.Array]] = [
    (Boolean("x", labels=["no", "yes"], nullable=True), pa.array(["TRUE", "true", "no", "0", None])),
    (Categorical("x", values=["1.0", "2"], unknown="null", nullable=True), pa.array(["1", "1.0", "2", " 2", "2 "])),
    (Categorical("x", values=["", "a"], unknown="null", nullable=True), pa.array(["", "a", None, "A", "a\0b"])),
    (Categorical("x", values=["TRUE", "0"], unknown="null", nullable=True), pa.array([True, False, None])),
    (
        Categorical("x", values=[2.0**60, -1], unknown="null", nullable=True),
        pa.array([2**60, 2**60 + 1, -1, 2**63 - 1]),
    ),
    (OpenCategorical("x", nullable=True), pa.array([" a", "a ", "a", "", "TRUE", "1", None, "e\u0301", "\u00e9"])),
    (Categorical("x", values=range(3), unknown="null", nullable=True), pa.array([-1, 0, 1, 2, 3, None, 2**40])),
    (Categorical("x", values=[0, 1], other="two", unknown="other"), pa.array([1, 0, 2, 7])),
    (OpenCategorical("x", nullable=True), pa.array([-5, 0, 2**62, None])),
    (Numeric("x", lower=0, upper=1, out_of_bounds="null", nullable=True), pa.array([True, False, None])),
    (
        Numeric("x", lower=-2, upper=3, integer=True, out_of_bounds="null", nullable=True),
        pa.array([-3, -2, 3, 4, None]),
    ),
    (
        Numeric("x", lower=0, upper=1, decimals=3, out_of_bounds="null", nullable=True),
        pa.array([float("inf"), -float("inf"), float("nan"), -0.0, 1.0005, 0.0005, 5e-324, 1e308, None]),
    ),
    (
        Numeric("x", lower=-2, upper=3, integer=True, out_of_bounds="null", nullable=True),
        pa.array(
            [
                Decimal(text)
                for text in ("2.5", "2.50000000000000001", "-2.5", "3.5", "1e15", "-0.5", "0.49999999999999999")
            ]
            + [None],
            type=pa.decimal128(38, 18),
        ),
    ),
    (
        Datetime("x", lower="2020-01-01", upper="2020-01-31", out_of_bounds="null", nullable=True),
        pa.array([1577836799999999, 1577836800000000, None, 1580515199999999, 1580515200000000]).cast(
            pa.timestamp("us", tz="UTC")
        ),
    ),
    (
        Datetime("x", lower="0001-01-01", upper="9999-12-31", resolution="hour", nullable=True),
        pa.array([-62135596800000000, 253402300799999999, None, -1]).cast(pa.timestamp("us")),
    ),
]


@pytest.mark.parametrize("case", range(len(COLUMNS)))
def test_cells_at_the_rims_have_the_ticks_of_memory(case: int, put: Put) -> None:
    column, cells = COLUMNS[case]
    schema = Schema([column], missing_values=["TRUE", "1", " a"])
    table = pa.table({"x": cells})
    if "a\0b" in cells.to_pylist() and put(pa.table({"y": [1]})).path is None:
        table = table.filter(pa.array([text != "a\0b" for text in cells.to_pylist()]))  # PostgreSQL has no such text
    inside = counter_of(put(table), schema)
    outside = MemoryCounter(ingest(table, schema, PrivacyUnit(), InsecureTestEntropy(1)))
    assert counted(inside, column) == counted(outside, column)
    inside.close()


def test_codecs_and_histograms_of_many_pieces_count_as_in_memory(put: Put) -> None:
    """More pieces than nested cases tell apart; with atoms, gaps, nulls and merged codes."""
    rng = np.random.default_rng(0)
    schema = Schema(
        [
            Numeric("x", lower=0, upper=9999, integer=True, nullable=True),
            Categorical("label", values=range(90), nullable=True),
            OpenCategorical("open"),
        ]
    )
    x, label, opened = (rng.integers(0, limit, 3000) for limit in (10_000, 90, 60))
    table = pa.table(
        {
            "x": pa.array(x, mask=x % 7 == 0),
            "label": pa.array(label, mask=label == 3),
            "open": pa.array([f"o{value}" for value in opened]),
        }
    )
    edges = np.unique([0, *rng.integers(0, 10_000, 300), 10_000]).tolist()
    plain = Codec(
        (
            BinnedCodec(schema["x"], tuple(edges), atoms=(5, 6, 700)),
            closed_codec(schema["label"]),
            OpenCodec(schema["open"], tuple(f"o{value}" for value in range(50))),
        )
    )
    groups = {name: np.unique(rng.integers(0, 40, plain[name].size), return_inverse=True)[1] for name in schema.names}
    merged = plain.merged(groups, {name: np.ones(len(each)) for name, each in groups.items()})
    levels = plain.with_levels({"label": {"coarse": groups["label"]}})
    inside = counter_of(put(table), schema)
    outside = MemoryCounter(ingest(table, schema, PrivacyUnit(), InsecureTestEntropy(1)))
    for codec in (plain, merged, levels):
        cliques = [*((name,) for name in codec.domain.columns), tuple(codec.domain.columns[:2])]
        found, expected = inside.marginals(codec, cliques), outside.marginals(codec, cliques)
        for clique in cliques:
            assert np.array_equal(found[clique], expected[clique]), clique
    asked = np.array(edges[3:-2])
    assert np.array_equal(inside.histogram("x", asked), outside.histogram("x", asked))
    inside.close()


def test_numbers_of_postgresql_of_any_length_are_read(put: Put) -> None:
    """Also those that no float64 holds: they are infinite or 0, as they are in memory."""
    cells = ["NaN", "Infinity", "-Infinity", "1e1000", "-1e1000", "1e-1000", "0.5", None]
    where = put(pa.table({"x": pa.array(cells)}))
    if where.path is not None:
        return  # DuckDB's decimals have at most 38 digits
    import psycopg

    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(f'CREATE VIEW numbers AS SELECT CAST(x AS numeric) AS x FROM "{where.table}"')
    column = Numeric("x", lower=0, upper=1, decimals=1, nullable=True)
    schema = Schema([column])
    inside = counter_of(Warehouse(where.url, "numbers"), schema)
    decimals = np.array([None if cell is None else Decimal(cell) for cell in cells], dtype=object)
    outside = MemoryCounter(ingest({"x": decimals}, schema, PrivacyUnit(), InsecureTestEntropy(1)))
    assert counted(inside, column) == counted(outside, column)
    inside.close()
