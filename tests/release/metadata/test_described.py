"""What all metadata share: it is the same on every saving, and nothing of the private side is in it."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dpsynth
from dpsynth.release.bundle import FILES, MANIFEST
from dpsynth.release.certificate import Noise
from dpsynth.release.directory import Directory
from dpsynth.release.metadata import NAMES, wrong_digests

ROWS = 317
"""Of the private table in conftest.py."""


def test_they_are_files_of_a_release_and_written_last() -> None:
    assert FILES[-len(NAMES) :] == NAMES


def test_saving_again_gives_the_same_bytes(made: Any, tmp_path: Path) -> None:
    dpsynth.load(made.path).save(tmp_path / "again")
    for name in (*NAMES, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (made.path / name).read_bytes(), name


def test_they_hold_the_digests_of_their_release_alone(made: Any) -> None:
    documents = {name: made.document(name) for name in NAMES}
    digests = Directory(made.path).digests()
    assert wrong_digests(documents, digests) == []
    assert wrong_digests(documents, {**digests, "synthetic.csv": "0" * 64}) == list(NAMES)
    assert wrong_digests(documents, {**digests, "certificate.json": "0" * 64}) == ["prov.json"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "document",
    [{}, {"resources": []}, {"resources": [{}]}, {"resources": 3}, {"distribution": [3]}, {"entity": []}],
)
def test_documents_of_another_shape_hold_none(made: Any, name: str, document: dict[str, Any]) -> None:
    documents = {each: made.document(each) for each in NAMES}
    assert wrong_digests({**documents, name: document}, Directory(made.path).digests()) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_private_side_is_in_them(made: Any, name: str) -> None:
    text = (made.path / name).read_text()
    assert not re.search(rf"(?<!\d){ROWS}(?!\d)", re.sub(r"[0-9a-f]{64}", "", text))
    assert "secret-" not in text
    assert "Bergen" not in text
    for private in (str(made.path), str(Path.cwd()), str(Path.home()), socket.gethostname(), str(os.getpid())):
        if len(private) > 5:
            assert private not in text


def test_a_release_made_with_test_noise_says_that_it_is_not_private(made: Any, tmp_path: Path) -> None:
    certificate = replace(made.release.certificate, noise=Noise.of(private=False))
    replace(made.release, certificate=certificate).save(tmp_path / "release")
    for name in NAMES:
        assert "NOT PRIVATE" in (tmp_path / "release" / name).read_text()
        assert "NOT PRIVATE" not in (made.path / name).read_text()
