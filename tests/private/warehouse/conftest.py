"""Both engines, each once for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.postgres_server import absent, running_server
from tests.private.warehouse.engines import Put, in_duckdb, in_postgres, need_duckdb


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def put(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Put]:
    """Puts a table into an engine."""
    if request.param == "duckdb":
        need_duckdb()
        folder: Path = tmp_path_factory.mktemp("warehouse")
        yield lambda table: in_duckdb(table, folder)
        return
    pytest.importorskip("psycopg")
    if (reason := absent()) is not None:
        pytest.skip(reason)
    with running_server() as server:
        yield lambda table: in_postgres(table, server.url())
