"""A real PostgreSQL server for the tests: made in a temporary folder, on loopback, thrown away at the end.

The server binaries are looked for on PATH and where Debian and Red Hat put them. PostgreSQL refuses to run as
root, so root hands the server to an unprivileged user that already exists.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

SUPERUSER = "steward"
PASSWORD = "p%ss/w@rd:of the steward"  # every character that a careless error text might cut in two

# Small, so that many share a machine; fsync stays on, because the store refuses a server without it.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "max_worker_processes": "0",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "fatal",
}


def binaries() -> Path | None:
    """The folder of initdb, pg_ctl and postgres, the newest version first; None where there is none."""
    found = shutil.which("pg_ctl")
    installed = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(installed, key=_version, reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    return None


def _version(folder: Path) -> int:
    return max((int(digits) for digits in re.findall(r"\d+", str(folder))), default=0)


def unprivileged_user() -> str | None:
    """Who runs the server: nobody in particular (None) unless we are root, else a user without rights."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def absent() -> str | None:
    """Why no server can be started here, or None if one can."""
    if binaries() is None:
        return "needs the PostgreSQL server binaries; try: apt-get install postgresql"
    if os.geteuid() == 0 and (unprivileged_user() is None or shutil.which("setpriv") is None):
        return "needs an unprivileged user (postgres or nobody) and setpriv, because PostgreSQL refuses to run as root"
    return None


@dataclass(frozen=True)
class Server:
    """A running server: its binaries, its folder, its port."""

    binaries: Path
    folder: Path
    port: int

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """The URL of a database, with the password in it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = " ".join(f"-c {name}='{value}'" for name, value in {**_SETTINGS, "port": str(self.port)}.items())
        self._run("pg_ctl", "start", "--wait", "--timeout=60", f"--log={self.folder / 'log'}", f"--options={settings}")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; "immediate" is what a power cut does to it, "fast" is an orderly restart."""
        self._run("pg_ctl", "stop", f"--mode={mode}", "--wait")

    def _run(self, program: str, *arguments: str) -> None:
        _as_user([str(self.binaries / program), f"--pgdata={self.folder / 'data'}", *arguments], self.folder)


@contextmanager
def running_server() -> Iterator[Server]:
    """A fresh server with one superuser who needs a password; stopped and deleted at the end."""
    folder_of_binaries = binaries()
    assert folder_of_binaries is not None, absent()
    # Another user must get there, whatever folder root calls temporary.
    folder = Path(mkdtemp(prefix="dpsynth-postgres-", dir="/tmp" if os.geteuid() == 0 else None))
    server = Server(folder_of_binaries, folder, _free_port())
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    if (user := unprivileged_user()) is not None:
        for path in (folder, secret):
            shutil.chown(path, user)
    try:
        server._run(
            "initdb",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        try:
            server.start()
        except RuntimeError:  # another program took the port in between
            server = replace(server, port=_free_port())
            server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_user(command: list[str], folder: Path) -> None:
    user = unprivileged_user()
    if user is not None:
        account = pwd.getpwnam(user)
        identity = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}"]
        command = [str(shutil.which("setpriv")), *identity, "--clear-groups", *command]
    # pg_ctl leaves the server running with the streams it was given, so these must not be pipes that we wait on.
    with (folder / "said").open("w+") as said:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
        if done.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{command[-1]} failed with {done.returncode}: {said.read()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
