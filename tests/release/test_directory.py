"""Reading a release directory: nothing comes out when anything differs from the manifest."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release import bundle
from dpsynth.release.bundle import FILES, MANIFEST, write_directory
from dpsynth.release.directory import Directory


def _writers(text: str = "content", size: int = 1) -> dict[str, bundle.Writer]:
    return {name: lambda path, name=name: path.write_bytes(f"{name} {text}".encode() * size) for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_changed_shortened_or_missing_file_is_found(tmp_path: Path, name: str) -> None:
    write_directory(tmp_path / "release", _writers())
    path = tmp_path / "release" / name
    original = path.read_bytes()
    for content in (original[:-1] + b"X", original[:-1], original + b"X", None):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ReleaseError, match=name):
            Directory(tmp_path / "release").check_all()
        with pytest.raises(ReleaseError, match=name):
            Directory(tmp_path / "release").read(name, 1000)


def test_links_pipes_and_directories_are_not_read(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    path = tmp_path / "release" / "model.npz"
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    for make in (lambda: path.symlink_to(tmp_path / "elsewhere"), lambda: os.mkfifo(path), path.mkdir):
        path.unlink()
        make()
        with pytest.raises(ReleaseError, match="readable plain file"):
            Directory(tmp_path / "release").read("model.npz", 1000)
        if path.is_dir():
            break


def test_hostile_manifests_are_refused(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    path = tmp_path / "release" / MANIFEST
    good = json.loads(path.read_text())
    entry = good["files"]["model.npz"]
    hostile = [
        b"",
        b"[]",
        b"{" * 100_000,
        b'{"a": NaN}',
        b'{"format": 1, "format": 2}',
        b"\xff\xfe",
        b" " * (2 << 20),
        json.dumps({**good, "version": 2}).encode(),
        json.dumps({**good, "files": {**good["files"], "../../secret": entry}}).encode(),
        json.dumps({**good, "files": {**good["files"], "model.npz": {"sha256": entry["sha256"]}}}).encode(),
        json.dumps({**good, "files": {**good["files"], "model.npz": {**entry, "bytes": True}}}).encode(),
        json.dumps({**good, "files": []}).encode(),
    ]
    for content in hostile:
        path.write_bytes(content)
        with pytest.raises(ReleaseError):
            Directory(tmp_path / "release")
    path.write_text(json.dumps(good))
    Directory(tmp_path / "release").check_all()


def test_checked_files_are_handed_out_from_their_start(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    with Directory(tmp_path / "release").checked("model.npz") as stream:
        assert stream.read() == b"model.npz content"


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    found = Directory(tmp_path / "release").digests()
    assert list(found) == [MANIFEST, *FILES]
    for name, digest in found.items():
        assert hashlib.sha256((tmp_path / "release" / name).read_bytes()).hexdigest() == digest


def test_evidence_is_read_but_not_through_links_and_not_without_end(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    directory = Directory(tmp_path / "release")
    assert directory.evidence("audit.json", 10) is None
    path = tmp_path / "release" / "audit.json"
    path.write_bytes(b"0123456789")
    assert directory.evidence("audit.json", 10) == b"0123456789"
    with pytest.raises(ReleaseError, match="at most 9 bytes"):
        directory.evidence("audit.json", 9)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ReleaseError, match="readable plain file"):
        directory.evidence("audit.json", 10)


def test_strays_are_all_that_does_not_belong(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    directory = Directory(tmp_path / "release")
    (tmp_path / "release" / "gate.json").write_text("{}")
    assert directory.strays() == []
    (tmp_path / "release" / ".notes").write_text("x")
    (tmp_path / "release" / "audit.json").mkdir()
    (tmp_path / "release" / "report.html").symlink_to(tmp_path)
    assert directory.strays() == [".notes", "audit.json", "report.html"]


def test_no_release_at_all_is_said_so(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ReleaseError):
            Directory(path)
