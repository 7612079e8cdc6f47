"""A release as an OpenLineage event, for catalogues that follow jobs and data sets; plain JSON, sent by nobody here.

Source: OpenLineage specification 2-0-2 (openlineage.io/spec/2-0-2/OpenLineage.json).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from dpsynth.errors import SettingError

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate
    from dpsynth.schema.schema import Schema

PRODUCER = "https://dpsynth.org"
EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PRIVACY_FACET = "dpsynth_privacy"

_FACETS = "https://openlineage.io/spec/facets"
_SCHEMAS = {
    "jobType": f"{_FACETS}/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "schema": f"{_FACETS}/1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "outputStatistics": (
        f"{_FACETS}/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
    ),
    PRIVACY_FACET: "https://dpsynth.org/openlineage/1-0-0/PrivacyDatasetFacet.json#/$defs/PrivacyDatasetFacet",
}


def run_event(
    certificate: Certificate,
    schema: Schema,
    *,
    namespace: str,
    output: str,
    source: str = "private-table",
    run_id: str | None = None,
) -> dict[str, Any]:
    """The COMPLETE event of the run that made a release.

    namespace: of the job and of both data sets, in your catalogue. output, source: the names of the released and of
    the private data set there. run_id: a UUID; by default a fresh one. Raises SettingError when a name is empty or
    run_id is no UUID.

    Privacy: the schema and the certificate, which are public. Of the private data set there is the name alone.
    """
    for name, value in (("namespace", namespace), ("output", output), ("source", source)):
        if not value.strip():
            raise SettingError(f"{name} must not be empty; try the name that your catalogue has for it")
    return {
        "eventType": "COMPLETE",
        "eventTime": certificate.created,
        "run": {"runId": _uuid(run_id)},
        "job": {
            "namespace": namespace,
            "name": "dpsynth.synthesize",
            "facets": _facet("jobType", processingType="BATCH", integration="DPSYNTH", jobType="JOB"),
        },
        "inputs": [{"namespace": namespace, "name": source}],
        "outputs": [
            {
                "namespace": namespace,
                "name": output,
                "facets": {
                    **_facet("schema", fields=[{"name": each.name, "type": each.type} for each in schema]),
                    **_facet(PRIVACY_FACET, **_promise(certificate)),
                },
                "outputFacets": _facet("outputStatistics", rowCount=certificate.rows),
            }
        ],
        "producer": PRODUCER,
        "schemaURL": EVENT_SCHEMA,
    }


def _promise(certificate: Certificate) -> dict[str, Any]:
    promise, unit = certificate.promise, certificate.unit
    return {
        "private": certificate.noise.private,
        "epsilon": promise.epsilon,
        "delta": promise.delta,
        "mu": promise.mu,
        "delta0": promise.delta0,
        "relation": unit.relation,
        "unit": unit.words,
        "synthesizer": certificate.synthesizer,
        "noise": certificate.noise.law,
        "software": f"dpsynth {certificate.software.dpsynth}",
    }


def _facet(name: str, **content: Any) -> dict[str, dict[str, Any]]:
    return {name: {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[name], **content}}


def _uuid(text: str | None) -> str:
    if text is None:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise SettingError("run_id must be a UUID; try None for a fresh one") from None
