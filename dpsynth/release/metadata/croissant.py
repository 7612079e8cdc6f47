"""croissant.json: the release as a Croissant 1.1 dataset with responsible-AI fields, for machine-learning tools.

Source: Croissant format specification 1.1 and Croissant RAI 1.0 (docs.mlcommons.org/croissant).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dpsynth.release.metadata.described import NAME, SOFTWARE_URL, File, promise_in_a_sentence
from dpsynth.release.tables import as_written
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Numeric

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate
    from dpsynth.schema.columns import Column
    from dpsynth.schema.schema import Schema

FILES = ("synthetic.csv", "synthetic.parquet")
CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

_MEDIA_TYPES = {"synthetic.csv": "text/csv", "synthetic.parquet": "application/vnd.apache.parquet"}
# fmt: off
_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
)
# fmt: on
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "sc": "https://schema.org/",
}
_USES = (
    "development and testing of analyses that will be run on the real data by those who may",
    "teaching, and exploring relations between columns whose marginals were measured",
)
_PERSONAL = (
    "The columns may describe people. Every row is synthetic: drawn from a model of noisy counts, and copied from"
    " nobody."
)
_MADE = (
    "Marginals of the private table were measured with noise, a model was fitted to the noisy counts, and the rows"
    " were drawn from the model. Nothing was computed from private rows after the last noisy count."
)


def document(
    schema: Schema, certificate: Certificate, files: Mapping[str, File], *, quote_formulas: bool = False
) -> dict[str, Any]:
    """The dataset as a JSON-LD object. quote_formulas: as the CSV file was written.

    Privacy: schema, certificate and synthetic files only, all of them public.
    """
    sentence = promise_in_a_sentence(certificate)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": NAME,
        "description": sentence,
        "dateCreated": certificate.created,
        "isLiveDataset": False,
        "rai:dataCollection": _MADE,
        "rai:dataCollectionType": ["Synthetic data"],
        "rai:personalSensitiveInformation": [_PERSONAL, sentence],
        "rai:dataLimitations": list(certificate.known_limits),
        "rai:dataUseCases": list(_USES),
        "prov:wasDerivedFrom": {
            "@type": "prov:Entity",
            "name": "the private table, of which nothing is said here",
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "name": f"synthesis by {certificate.synthesizer}",
            "description": _MADE,
            "prov:endedAtTime": certificate.created,
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "name": f"dpsynth {certificate.software.dpsynth}",
                "url": SOFTWARE_URL,
            },
        },
        "distribution": [_file(name, files[name]) for name in FILES],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "field": [_field(column, quote_formulas) for column in schema],
            }
        ],
    }


def digests(content: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the files that a dataset describes, by name; raises what a wrong shape raises."""
    return {each["contentUrl"]: each["sha256"] for each in content["distribution"]}


def _file(name: str, file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{file.size} B",
        "encodingFormat": _MEDIA_TYPES[name],
        "sha256": file.sha256,
    }


def _field(column: Column, quote_formulas: bool) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"rows/{quote(column.name, safe='')}",
        "name": column.name,
        "dataType": _data_type(column),
        "source": {
            "fileObject": {"@id": "synthetic.csv"},
            "extract": {"column": as_written(column.name, quote_formulas)},
        },
    }


def _data_type(column: Column) -> str:
    if isinstance(column, Numeric):
        return "sc:Integer" if column.integer else "sc:Float"
    if isinstance(column, Datetime):
        # In a format of its own it is text to a tool that knows ISO 8601 alone.
        return "sc:Text" if column.format else "sc:Date" if column.resolution == "day" else "sc:DateTime"
    if isinstance(column, Categorical | Boolean):
        kinds = {type(label) for label in column.labels}
        if kinds == {bool}:
            return "sc:Boolean"
        if kinds <= {int, float}:
            return "sc:Integer" if kinds == {int} else "sc:Float"
    return "sc:Text"
