"""`dpsynth synthesize`: a private table in, a release directory out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import (
    Delta,
    Epsilon,
    FairnessText,
    Json,
    Label,
    LedgerAddress,
    MaxRows,
    PoolUnits,
    PrivateTable,
    RelationName,
    RelationOption,
    SchemaFile,
    Settings,
    ShowProgress,
    SynthesizerName,
    UnitColumn,
    WorkloadText,
    parsed_settings,
)
from dpsynth.cli.output import print_json
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from dpsynth.release.release import Release


def synthesize(
    data: PrivateTable,
    schema: SchemaFile,
    epsilon: Epsilon,
    delta: Delta,
    out: Annotated[Path, typer.Option(help="New directory for the release.")],
    synthesizer: SynthesizerName = "auto",
    label: Label = None,
    workload: WorkloadText = None,
    fairness: FairnessText = None,
    rows: Annotated[int | None, typer.Option(min=0, help="Synthetic rows; by default the noisy estimate.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which rows the model draws. It never reaches the noise.")
    ] = None,
    unit: UnitColumn = None,
    max_rows_per_unit: MaxRows = None,
    relation: RelationOption = RelationName.add_remove,
    settings: Settings = None,
    audit_pool: Annotated[
        Path | None,
        typer.Option(
            "--audit-pool",
            metavar="FILE",
            help="Draw an audit pool, and write its secret coins to this new file. Keep it with the private table.",
        ),
    ] = None,
    audit_units: PoolUnits = None,
    ledger: LedgerAddress = None,
    scope: Annotated[
        str, typer.Option(help="Whose budget in the ledger is charged, such as patients/visits.")
    ] = "population",
    request_id: Annotated[
        str | None,
        typer.Option(help="Name of this request in the ledger: asked again, it gives the same release, free."),
    ] = None,
    sign_key: Annotated[
        Path | None,
        typer.Option("--sign-key", metavar="FILE", help="Private key (PEM) that signs the entries of the ledger."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FOLDER",
            help="Keep the run here, so that it can be taken up again after a crash. As secret as the rows.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier release in --out.")] = False,
    quote_formulas: Annotated[
        bool, typer.Option("--quote-formulas", help="In the CSV, keep spreadsheets from running text as formulas.")
    ] = False,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Make a synthetic table with a privacy promise, and write it as a release directory.

    Each run on the same people spends privacy anew: the promises of all runs add up.
    """
    chosen = parsed_settings(settings)
    if audit_units is not None and audit_pool is None:
        raise typer.BadParameter("needs --audit-pool FILE for the coins", param_hint="--audit-units")
    if sign_key is not None and ledger is None:
        raise typer.BadParameter("needs --ledger ADDRESS for the entries to sign", param_hint="--sign-key")
    with refusals(as_json):
        import dpsynth
        from dpsynth.audit_pool import require_free_file
        from dpsynth.release.bundle import require_free

        require_free(out, overwrite=overwrite)  # before any budget is spent
        if audit_pool is not None and not (ledger and request_id and audit_pool.is_file()):
            require_free_file(audit_pool)
        with progress_bar(progress) as show:
            release = dpsynth.synthesize(
                data,
                dpsynth.Schema.load(schema),
                epsilon=epsilon,
                delta=delta,
                synthesizer=synthesizer,
                workload=workload,
                label=label,
                fairness=fairness,
                relation=relation.value,
                unit=unit,
                max_rows_per_unit=max_rows_per_unit,
                rows=rows,
                seed=seed,
                settings=chosen,
                audit_pool=audit_pool is not None and (audit_units or True),
                ledger=dpsynth.open_ledger(ledger, sign_key=sign_key) if ledger and sign_key else ledger,
                scope=scope,
                request_id=request_id,
                checkpoint=checkpoint,
                progress=show,
            )
            if release.audit_pool is not None and audit_pool is not None:
                release.audit_pool.save(audit_pool)  # first: without it the release could never be audited by its pool
            release.save(out, overwrite=overwrite, quote_formulas=quote_formulas)
        print_release(release, out, as_json, audit_pool)


def print_release(release: Release, out: Path, as_json: bool, audit_pool: Path | None = None) -> None:
    """Where a release is and what it promises."""
    from dpsynth.fairness import fairness_in_words
    from dpsynth.release.plain_words import promise_in_words, synthesizer_in_words

    certificate = release.certificate
    if as_json:
        print_json({"release": str(out), "rows": release.rows, "certificate": certificate.to_json()})
        return
    if not certificate.noise.private:
        typer.secho("NOT PRIVATE: made with a test-only source of noise", fg=typer.colors.RED)
    typer.echo(f"release: {out}")
    typer.echo(f"table:   {out / 'synthetic.csv'} and synthetic.parquet, {release.rows:,} rows")
    typer.echo(f"made by: {synthesizer_in_words(certificate.synthesizer, certificate.reason)}")
    fair = fairness_in_words(certificate.settings)
    if fair is not None:
        typer.echo(f"fair:    {fair}, in the model")
    if certificate.audit_pool is not None and audit_pool is not None:
        typer.echo(f"audit:   {audit_pool} holds the secret coins of {certificate.audit_pool.units:,} units; run:")
        typer.echo(f"         dpsynth audit {out} --private DATA --pool {audit_pool}")
    typer.echo(f"promise: {out / 'certificate.txt'}")
    for line in promise_in_words(certificate):
        typer.echo(f"  {line}")
