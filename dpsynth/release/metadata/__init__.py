"""Metadata in three public formats, made from the certificate, the schema and the digests of files already written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth.release.documents import to_document
from dpsynth.release.metadata import croissant, datapackage, provenance
from dpsynth.release.metadata.described import File, described

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate
    from dpsynth.schema.schema import Schema

NAMES = ("datapackage.json", "croissant.json", "prov.json")

_DIGESTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]] = {
    "datapackage.json": datapackage.digests,
    "croissant.json": croissant.digests,
    "prov.json": provenance.digests,
}


def writers(
    schema: Schema, certificate: Certificate, *, quote_formulas: bool = False
) -> dict[str, Callable[[Path], None]]:
    """For each of `NAMES` a function that writes it, beside the files that it describes.

    quote_formulas: whether the CSV file is written with apostrophes before formulas.
    """
    known: dict[str, File] = {}

    def write_datapackage(file: Path) -> None:
        found = described(file.parent, datapackage.FILES, known)
        document = datapackage.document(schema, certificate, found, quote_formulas=quote_formulas)
        file.write_bytes(to_document(document))

    def write_croissant(file: Path) -> None:
        found = described(file.parent, croissant.FILES, known)
        document = croissant.document(schema, certificate, found, quote_formulas=quote_formulas)
        file.write_bytes(to_document(document))

    def write_provenance(file: Path) -> None:
        file.write_bytes(to_document(provenance.document(certificate, described(file.parent, provenance.FILES, known))))

    return dict(zip(NAMES, (write_datapackage, write_croissant, write_provenance), strict=True))


def wrong_digests(documents: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]) -> list[str]:
    """Names of the metadata documents that do not hold just the digests of the files they describe.

    documents: the three, by name. digests: SHA-256 of every file of the release, by name.
    """
    expected = {
        "datapackage.json": datapackage.FILES,
        "croissant.json": croissant.FILES,
        "prov.json": provenance.FILES,
    }
    return [
        name
        for name, files in expected.items()
        if _stated(name, documents[name]) != {each: digests[each] for each in files}
    ]


def _stated(name: str, document: Mapping[str, Any]) -> dict[str, str] | None:
    """The digests that a document states; None when it is not of the shape that is written here."""
    try:
        return _DIGESTS[name](document)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
