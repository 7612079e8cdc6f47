"""Reading a release directory: nothing comes out when anything differs from the manifest."""

from __future__ import annotations

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


def test_no_release_at_all_is_said_so(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ReleaseError):
            Directory(path)
