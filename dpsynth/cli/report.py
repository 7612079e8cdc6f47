"""`dpsynth report`: one page for compliance, from a release and the evidence about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dpsynth.cli.options import Json
from dpsynth.cli.output import print_json
from dpsynth.cli.refusals import refusals


def report(
    directory: Annotated[Path, typer.Argument(help="A release directory.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The page to write.")],
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="Audit (JSON); by default audit.json of the release.")
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option("--gate", metavar="FILE", help="Decision (JSON); by default gate.json of the release."),
    ] = None,
    fidelity: Annotated[
        bool, typer.Option("--fidelity/--no-fidelity", help="Set the synthetic table beside the noisy counts.")
    ] = True,
    public: Annotated[
        bool, typer.Option("--public/--steward", help="For everybody, or for the steward with the steward's audit.")
    ] = True,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Print the page to a PDF too (needs Chromium).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write one page that joins certificate, audit, fidelity, ledger and decision, for people who are no engineers.

    The public edition is built from the release and from public evidence alone, and refuses a steward's audit.
    """
    with refusals(as_json):
        from dpsynth.report.content import gather
        from dpsynth.report.files import require_free, write
        from dpsynth.report.page import page
        from dpsynth.report.pdf import printed

        edition: Literal["public", "steward"] = "public" if public else "steward"
        for path in filter(None, (out, pdf)):
            require_free(path, directory, edition=edition, overwrite=overwrite)
        content = gather(directory, edition=edition, audit=audit, gate=gate, compare=fidelity)
        text = page(content)
        files = [(out, text.encode())] + ([] if pdf is None else [(pdf, printed(text))])
        written = [write(content_of, path, edition=edition) for path, content_of in files]
        if as_json:
            print_json(
                {
                    "edition": edition,
                    "written": [str(path) for path in written],
                    "manifest_sha256": content.manifest,
                    "audit": None if content.audit is None else content.audit.verdict,
                    "gate": None if content.gate is None else content.gate.verdict,
                }
            )
        else:
            for path in written:
                typer.echo(f"written: {path}")
