"""prov.json: where a release comes from, in W3C PROV-JSON: private table, run, noisy counts, synthetic table.

Source: PROV-DM (W3C Recommendation, 2013) and PROV-JSON (W3C Member Submission, 2013).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dpsynth.release.metadata.described import SOFTWARE_URL, File, promise_in_a_sentence

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate

FILES = ("synthetic.csv", "synthetic.parquet", "schema.yaml", "measurements.npz", "model.npz", "certificate.json")

PRIVATE = "release:private-table"
RUN = "release:run"
DRAW = "release:draw"
AGENT = "release:dpsynth"


def document(certificate: Certificate, files: Mapping[str, File]) -> dict[str, Any]:
    """The provenance as a JSON object.

    Privacy: the private table is a name without any fact; no digest, size, date, place or owner of it.
    """
    time = {"prov:endTime": certificate.created}
    measured, model, schema, promise = (
        _entity(name) for name in ("measurements.npz", "model.npz", "schema.yaml", "certificate.json")
    )
    tables = [_entity(name) for name in ("synthetic.csv", "synthetic.parquet")]
    return {
        "prefix": {
            "release": f"{SOFTWARE_URL}/ns/release#",
            "dpsynth": f"{SOFTWARE_URL}/ns#",
            "prov": "http://www.w3.org/ns/prov#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "entity": {
            PRIVATE: {"prov:label": "the private table, of which nothing is said here"},
            **{_entity(name): _described(name, files[name]) for name in FILES},
        },
        "activity": {
            RUN: {
                **time,
                "prov:label": f"measuring marginals with noise, and fitting a model ({certificate.synthesizer})",
                "dpsynth:promise": promise_in_a_sentence(certificate),
            },
            DRAW: {**time, "prov:label": "drawing rows from the model, without the private table"},
        },
        "agent": {
            AGENT: {
                "prov:type": {"$": "prov:SoftwareAgent", "type": "prov:QUALIFIED_NAME"},
                "prov:label": "dpsynth",
                "dpsynth:version": certificate.software.dpsynth,
            }
        },
        "used": _relations("used", "activity", "entity", [(RUN, PRIVATE), (RUN, schema), (DRAW, model)]),
        "wasGeneratedBy": _relations(
            "generated",
            "entity",
            "activity",
            [(measured, RUN), (model, RUN), (promise, RUN), *((table, DRAW) for table in tables)],
        ),
        "wasDerivedFrom": _relations(
            "derived",
            "generatedEntity",
            "usedEntity",
            [(measured, PRIVATE), (model, measured), *((table, model) for table in tables)],
        ),
        "wasAssociatedWith": _relations("associated", "activity", "agent", [(RUN, AGENT), (DRAW, AGENT)]),
        "wasAttributedTo": _relations("attributed", "entity", "agent", [(table, AGENT) for table in tables]),
    }


def digests(content: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the files that a provenance names, by name; raises what a wrong shape raises."""
    entities = {name: each for name, each in content["entity"].items() if name != PRIVATE}
    return {each["dpsynth:file"]: each["dpsynth:sha256"] for each in entities.values()}


def _entity(name: str) -> str:
    return f"release:{name}"


def _described(name: str, file: File) -> dict[str, Any]:
    return {"prov:label": name, "dpsynth:file": name, "dpsynth:sha256": file.sha256}


def _relations(kind: str, first: str, second: str, pairs: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """PROV relations under blank names, which are unique in the document."""
    return {
        f"_:{kind}{number}": {f"prov:{first}": one, f"prov:{second}": other}
        for number, (one, other) in enumerate(pairs, 1)
    }
