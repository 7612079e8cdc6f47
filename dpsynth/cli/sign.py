"""`dpsynth sign`: attest a release with a key, and make a pair of keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dpsynth.cli.options import Json
from dpsynth.cli.output import print_json
from dpsynth.cli.refusals import refusals

PASSPHRASE = "DPSYNTH_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable


def sign(
    directory: Annotated[Path | None, typer.Argument(help="A release directory.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Your private key (PEM, Ed25519).")] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="Put this public audit (JSON) beside the release.")
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", metavar="FILE", help="Make a private key here, and its .pub.pem beside it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign a release that verifies: write attestation.json, which names every file of it.

    The passphrase of an encrypted key is read from the variable DPSYNTH_KEY_PASSPHRASE.
    """
    if new_key is not None and (directory, key, audit) == (None, None, None):
        _make_keys(new_key, as_json)
        return
    if new_key is not None or directory is None or key is None:
        raise typer.BadParameter("give DIRECTORY and --key, or --new-key alone")
    with refusals(as_json):
        from dpsynth.keys import key_id, read_private_key
        from dpsynth.release.signing import sign as sign_release

        private = read_private_key(key, os.environ.get(PASSPHRASE))
        written, name = sign_release(directory, private, audit=audit), key_id(private.public_key())
        if as_json:
            print_json({"attestation": str(written), "key": name})
        else:
            typer.echo(f"signed: {written}, by key {name[:16]}...")


def _make_keys(place: Path, as_json: bool) -> None:
    with refusals(as_json):
        from dpsynth.keys import key_id, new_key_pair, read_public_key

        public = new_key_pair(place)
        name = key_id(read_public_key(public))
        if as_json:
            print_json({"private": str(place), "public": str(public), "key": name})
        else:
            typer.echo(f"private key: {place}; keep it secret, and keep a copy")
            typer.echo(f"public key:  {public}; give it to everybody who will verify, by a way they trust")
            typer.echo(f"key id:      {name}")
