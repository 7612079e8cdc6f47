"""`dpsynth plan`: what a run would promise, measure, cost and need, before any data is touched."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dpsynth.cli.options import (
    Delta,
    Epsilon,
    FairnessText,
    Json,
    Label,
    MaxRows,
    PoolUnits,
    RelationName,
    RelationOption,
    SchemaFile,
    Settings,
    SynthesizerName,
    UnitColumn,
    WorkloadText,
    parsed_settings,
)
from dpsynth.cli.output import in_bytes, print_json, print_table
from dpsynth.cli.refusals import refusals


def plan(
    schema: SchemaFile,
    epsilon: Epsilon,
    delta: Delta,
    synthesizer: SynthesizerName = "auto",
    label: Label = None,
    workload: WorkloadText = None,
    fairness: FairnessText = None,
    unit: UnitColumn = None,
    max_rows_per_unit: MaxRows = None,
    relation: RelationOption = RelationName.add_remove,
    settings: Settings = None,
    audit_pool: Annotated[bool, typer.Option("--audit-pool", help="With an audit pool.")] = False,
    audit_units: PoolUnits = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="About how many rows the table has: forecast time, memory and disk on this machine."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a run would measure and promise. Reads the schema only: it costs no privacy."""
    chosen = parsed_settings(settings)
    with refusals(as_json):
        import dpsynth

        described = dpsynth.Schema.load(schema)
        found = dpsynth.plan(
            described,
            epsilon=epsilon,
            delta=delta,
            synthesizer=synthesizer,
            workload=workload,
            label=label,
            fairness=fairness,
            relation=relation.value,
            unit=unit,
            max_rows_per_unit=max_rows_per_unit,
            settings=chosen,
            audit_pool=audit_units or audit_pool,
        )
        planned = found.to_json()
        if rows is not None:
            planned["forecast"] = dpsynth.forecast_resources(found, len(described), rows).to_json()
        if as_json:
            print_json(planned)
        else:
            _print_plan(planned)


def _print_plan(planned: dict[str, Any]) -> None:
    from dpsynth.fairness import fairness_in_words
    from dpsynth.release.plain_words import in_percent, synthesizer_in_words, workload_in_words

    rows = [
        (step["label"], step["kind"], _noise(step["stddev"]), f"{step['cells']:,}", f"{100 * step['share']:.3g}%")
        for step in planned["steps"]
    ]
    typer.echo(f"synthesizer: {synthesizer_in_words(planned['synthesizer'], planned['reason'])}")
    workload = workload_in_words(planned["settings"])
    if workload is not None:
        typer.echo(f"meant to be right about: {workload}")
    fair = fairness_in_words(planned["settings"])
    if fair is not None:
        typer.echo(f"fair: {fair}; sets of columns that would join them otherwise are left out")
    print_table(("step", "mechanism", "noise (rows)", "cells", "budget"), rows)
    typer.echo(
        f"needs:    {planned['predicted_cells']:,} cells, {in_bytes(planned['predicted_bytes'])} beside the table,"
        f" about {planned['predicted_seconds']:.3g} s and the time to read the table"
    )
    if "forecast" in planned:
        print_resources(planned["forecast"])
    if planned["audit_pool"]:
        pool = planned["audit_pool"]
        out = f"about {pool['left_out']:,} are left out of the fit"
        typer.echo(f"audit:    a pool of {pool['units']:,} units, of which {out}")
    typer.echo(
        f"promise:  epsilon {planned['epsilon']:g} and delta {planned['delta']:g}, {planned['unit']['relation']}:"
        f" {planned['unit']['description']}"
    )
    for odds in planned["guarantee"]["attack_odds"]:
        alarms, finds = odds["false_positive_rate"], odds["largest_true_positive_rate"]
        typer.echo(
            f"  an attacker allowed {in_percent(alarms)} false alarms finds at most {in_percent(finds, up=True)}"
        )


def print_resources(forecast: dict[str, Any]) -> None:
    """One line: time, memory and disk of a run on this machine."""
    stages = ", ".join(f"{stage} {forecast[f'{stage}_seconds']:.3g}" for stage in ("read", "count", "fit", "write"))
    place = "in memory" if forecast["place"] == "memory" else f"in {in_bytes(forecast['disk_bytes'])} of TMPDIR"
    typer.echo(
        f"forecast: {forecast['rows']:,} rows, {place}: about {forecast['seconds']:.3g} s ({stages}) on"
        f" {forecast['processors']} processors, {in_bytes(forecast['memory_bytes'])} of memory; the release takes"
        f" {in_bytes(forecast['release_bytes'])}"
    )


def _noise(stddev: list[float] | None) -> str:
    """Smallest and largest standard deviation of a step, in rows."""
    if not stddev:
        return "-"
    low, high = min(stddev), max(stddev)
    return f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"
