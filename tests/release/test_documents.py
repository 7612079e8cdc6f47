"""JSON objects, strictly read."""

from __future__ import annotations

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release.documents import parse_document, to_document


def test_documents_come_back_equal() -> None:
    document = {"a": [1, 2.5, "é", None, True], "b": {"c": {}}}
    assert parse_document(to_document(document), "x.json") == document


def test_documents_are_json_objects() -> None:
    assert parse_document(b'{"a": [1]}', "x.json") == {"a": [1]}
    for content in (b"1", b'{"a": Infinity}', b'{"a": 1, "a": 1}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"):
        with pytest.raises(ReleaseError, match=r"x\.json"):
            parse_document(content, "x.json")
