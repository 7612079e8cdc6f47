"""`dpsynth gate`: whether a release may leave the house. Exit code 0 pass, 1 fail, 2 cannot decide."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import Json
from dpsynth.cli.output import print_json
from dpsynth.cli.refusals import REFUSED, refusals

if TYPE_CHECKING:
    from dpsynth.gate.decision import Decision

CANNOT_DECIDE = 2


def gate(
    directory: Annotated[
        Path | None, typer.Argument(help="A release directory, with audit.json and attestation.json in it.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="What a release must fulfil (YAML).")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="URL", help="The ledger that the release was charged to.")
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="Public key (PEM) of an accepted signer; repeatable."),
    ] = None,
    sign_key: Annotated[
        Path | None,
        typer.Option("--sign-key", metavar="FILE", help="Private key (PEM) that signs the attempt in the ledger."),
    ] = None,
    as_json: Json = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write a summary, such as for a job page.")
    ] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the decision as JSON.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="DATE", help="Decide as of this day (UTC), such as 2026-12-31.")
    ] = None,
    print_default_policy: Annotated[
        bool, typer.Option("--print-default-policy", help="Print a strict policy to begin with, and stop.")
    ] = False,
) -> None:
    """Decide whether a release may leave the house. Exit code 0 pass, 1 fail, 2 cannot decide.

    Reads public evidence alone and uses no network but that of the ledger. What is missing or broken never passes.
    """
    if print_default_policy:
        from dpsynth.gate.policy import default_policy_text

        typer.echo(default_policy_text(), nl=False)
        return
    code = CANNOT_DECIDE
    try:
        with refusals(as_json):
            from dpsynth.gate.decision import decide

            if directory is None or policy is None:
                missing = "a release directory" if directory is None else "--policy FILE"
                raise typer.BadParameter(f"{missing} must be given; see also --print-default-policy")
            decision = decide(directory, policy, ledger=ledger, public_keys=key or (), sign_key=sign_key, at=_day(at))
            _write(decision, {"json": out, "junit": junit, "markdown": markdown, "sarif": sarif})
            if as_json:
                print_json(decision.to_json())
            else:
                _print(decision)
            code = decision.exit_code
    except typer.Exit as ended:
        raise typer.Exit(CANNOT_DECIDE if ended.exit_code == REFUSED else ended.exit_code) from None
    raise typer.Exit(code)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a day such as 2026-12-31", param_hint="--at") from None


def _write(decision: Decision, paths: dict[str, Path | None]) -> None:
    from dpsynth.gate import outputs

    made = {
        "json": outputs.to_json,
        "junit": outputs.to_junit,
        "markdown": outputs.to_markdown,
        "sarif": outputs.to_sarif,
    }
    for name, path in paths.items():
        if path is not None:
            outputs.write(path, made[name](decision))


def _print(decision: Decision) -> None:
    """The verdict and one line for each rule, the ones that matter in colour; nothing in it can steer a terminal."""
    from dpsynth.gate.outputs import HEADLINES, MARKS, REMARK
    from dpsynth.markup import visible

    colours = {"pass": typer.colors.GREEN, "fail": typer.colors.RED}
    typer.secho(HEADLINES[decision.verdict], fg=colours.get(decision.verdict, typer.colors.YELLOW), bold=True)
    width = max(len(each.name) for each in decision.rules)
    for each in decision.rules:
        colour = colours.get(each.status, typer.colors.YELLOW)
        mark = typer.style(f"{MARKS[each.status]:<9}", fg=colour)
        typer.echo(f"  {each.name:<{width}}  {mark}  {' '.join(visible(each.words).split())}")
    name = visible(decision.policy.name)
    typer.echo(f"policy:  {name}, until {decision.policy.expires}, sha256 {decision.policy.sha256}")
    typer.echo(f"release: manifest sha256 {decision.manifest_sha256 or 'none'}, decided for {decision.at}")
    typer.echo(REMARK)
