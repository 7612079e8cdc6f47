"""`dpsynth audit`, for a release, and `attacks audit`, for anybody's synthetic table: attack it, and give a verdict.

Exit codes of both: 0 pass, 1 fail, 2 cannot decide (inconclusive, refused, or broken).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsynth.cli.options import Json, RelationName, RelationOption, ShowProgress
from dpsynth.cli.output import print_json, print_table
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from attacks.report.document import AuditReport

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}
CANNOT_DECIDE = 2

Holdout = Annotated[
    Path | None, typer.Option("--holdout", help="Rows of the same population that took no part in the synthesis.")
]
Reference = Annotated[
    Path | None, typer.Option("--reference", help="Rows that an attacker has; by default the other rows.")
]
Attacks = Annotated[
    str, typer.Option("--attacks", metavar="NAMES", help="release, all, or names joined by commas; see `attacks list`.")
]
Confidence = Annotated[float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of the verdict and each bound.")]
AttackSeed = Annotated[int, typer.Option("--seed", min=0, help="Of the attacks: the same seed gives the same report.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="PATH", help="Write the report: a folder, or a file ending in .json, .html or .md."),
]
PublicOut = Annotated[
    Path | None,
    typer.Option("--public", metavar="PATH", help="Write the public edition too, which holds no private number."),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="DIR", help="Keep what each attack found here, and go on from what is kept."),
]


def audit(
    release: Annotated[Path, typer.Argument(help="A release directory.")],
    private: Annotated[Path, typer.Option("--private", help="The private table that the release was made from.")],
    pool: Annotated[
        Path | None, typer.Option("--pool", metavar="FILE", help="The secret coins that --audit-pool wrote.")
    ] = None,
    holdout: Holdout = None,
    reference: Reference = None,
    attacks: Attacks = "release",
    confidence: Confidence = 0.95,
    seed: AttackSeed = 0,
    out: Out = None,
    public: PublicOut = None,
    resume: Resume = None,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Attack a release, and say whether its promise stood. Exit code 0 pass, 1 fail, 2 cannot decide.

    What it prints and writes was computed from private rows: it is for the steward, except the public edition.
    """

    def run(show: Callable[[str, float], None] | None) -> AuditReport:
        import dpsynth
        from attacks import audit as run_audit

        return run_audit(
            dpsynth.load(release),
            train=private,
            holdout=holdout,
            reference=reference,
            pool=pool,
            attacks=_names(attacks),
            confidence=confidence,
            seed=seed,
            resume=resume,
            progress=show,
        )

    _finish(run, out, public, progress, as_json)


def audit_foreign(
    synthetic: Annotated[Path, typer.Option("--synthetic", help="The synthetic table: CSV or Parquet.")],
    train: Annotated[Path, typer.Option("--train", help="The private table that it was made from.")],
    holdout: Annotated[
        Path, typer.Option("--holdout", help="Rows of the same population that took no part in the synthesis.")
    ],
    schema: Annotated[
        Path | None, typer.Option("--schema", help="Schema file; by default drafted from the synthetic table.")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(min=0, help="What was claimed; without it: that nothing was learned.")
    ] = None,
    delta: Annotated[float, typer.Option(min=0, max=1, help="Goes with --epsilon.")] = 0.0,
    relation: RelationOption = RelationName.add_remove,
    reference: Reference = None,
    attacks: Attacks = "release",
    confidence: Confidence = 0.95,
    seed: AttackSeed = 0,
    out: Out = None,
    public: PublicOut = None,
    resume: Resume = None,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Attack anybody's synthetic table. Exit code 0 pass, 1 fail, 2 cannot decide.

    What it prints and writes was computed from private rows: it is for the steward, except the public edition.
    """

    def run(show: Callable[[str, float], None] | None) -> AuditReport:
        import dpsynth
        from attacks import Claim
        from attacks import audit as run_audit

        return run_audit(
            synthetic,
            train=train,
            holdout=holdout,
            reference=reference,
            schema=None if schema is None else dpsynth.Schema.load(schema),
            claim=None if epsilon is None else Claim(epsilon, delta, relation=relation.value),
            attacks=_names(attacks),
            confidence=confidence,
            seed=seed,
            resume=resume,
            progress=show,
        )

    _finish(run, out, public, progress, as_json)


def list_attacks(as_json: Json = False) -> None:
    """The attacks by name, what each must know, and what it asks."""
    from attacks.catalogue import CATALOGUE

    if as_json:
        found = [
            {"name": name, "about": one.about, "criterion": one.criterion.value, "threat": one.threat.words}
            for name, one in CATALOGUE.items()
        ]
        print_json(found)
        return
    for name, one in CATALOGUE.items():
        typer.secho(name, bold=True)
        typer.echo(f"  {one.about}")
        typer.echo(f"  {one.criterion.value}; knows {one.threat.words}")


def _names(text: str) -> str | list[str]:
    return [part.strip() for part in text.split(",")] if "," in text else text


def _finish(
    run: Callable[[Callable[[str, float], None] | None], AuditReport],
    out: Path | None,
    public: Path | None,
    progress: bool,
    as_json: bool,
) -> None:
    """Run, write, print, and leave with the verdict's exit code; whatever goes wrong ends as "cannot decide"."""
    report: AuditReport | None = None
    try:
        with refusals(as_json):
            with progress_bar(progress) as show:
                report = run(show)
            written = [] if out is None else list(report.save(out))
            written += [] if public is None else list(report.public().save(public))
            if as_json:
                print_json(report.to_json())
            else:
                _print_report(report, written)
    except typer.Exit as ended:
        raise typer.Exit(CANNOT_DECIDE if ended.exit_code == 1 else ended.exit_code) from None
    raise typer.Exit(EXIT_CODES[report.verdict])


def _print_report(report: AuditReport, written: list[Path]) -> None:
    from attacks.report import words
    from dpsynth.markup import visible

    colour = {"pass": typer.colors.GREEN, "fail": typer.colors.RED}.get(report.verdict, typer.colors.YELLOW)
    typer.secho(f"{words.VERDICTS[report.verdict].upper()}: {words.headline(report)}", fg=colour, bold=True)
    for reason in report.reasons:
        typer.echo(f"  {visible(reason)}")  # names of columns come from the table, which may be anybody's
    typer.echo(f"claim: {words.claim_in_words(report.claim)}")
    typer.echo(f"power: {report.power}")
    rows = [
        (each.attack if each.group == "all targets" else f"{each.attack}, {each.group}", *_numbers(each))
        for each in report.findings
    ]
    print_table(("attack", "AUC", "right guesses", "p (adjusted)", "mu proved"), rows)
    for control in report.controls:
        typer.echo(f"control: {control.name}: {'as it must be' if control.passed else 'NOT as it must be'}")
    failed = [check.name for check in report.checks if check.status == "fail"]
    passed = sum(check.status == "pass" for check in report.checks)
    typer.echo(f"checks:  {passed} passed, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    for path in written:
        typer.echo(f"written: {path}")


def _numbers(finding: Any) -> tuple[str, str, str, str]:
    measured = finding.measured
    if measured is None:
        return finding.status, "-", "-", "-"
    return (
        f"{measured.auc:.3f}",
        f"{measured.correct:,} of {measured.guesses:,}",
        f"{measured.p_adjusted:.2g}",
        f"{measured.mu_lower:.2f}",
    )


foreign = typer.Typer(
    name="attacks",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those may hold private rows
    help="Privacy attacks on synthetic tables, whoever made them.",
)
foreign.command("audit")(audit_foreign)
foreign.command("list")(list_attacks)
