"""`dpsynth ledger`: make a budget ledger, see who spent what, ask before spending, and check that it is what it was.

Exit codes: 0 done, 1 refused, does not fit, or faults were found.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsynth.cli.ledger_output import print_balances, print_faults, print_quote, print_spent
from dpsynth.cli.options import Json
from dpsynth.cli.refusals import REFUSED, refusals

if TYPE_CHECKING:
    from dpsynth.ledger import Head
    from dpsynth.privacy.cost import Cost

app = typer.Typer(no_args_is_help=True, help="A budget ledger: caps, charges, and who spent what.")

Address = Annotated[str, typer.Argument(metavar="LEDGER", help="A file, sqlite:///FILE, or postgresql://...")]
Scope = Annotated[str, typer.Option("--scope", metavar="PATH", help="Whose budget, such as population/visits/study.")]
Epsilon = Annotated[float | None, typer.Option("--epsilon", help="Privacy loss epsilon; goes with --delta.")]
Delta = Annotated[float | None, typer.Option("--delta", help="Privacy loss delta; goes with --epsilon.")]
Reserve = Annotated[
    float, typer.Option("--reserved-delta", help="The part of --delta for mechanisms that may fail, such as new codes.")
]
Mu = Annotated[float | None, typer.Option("--mu", help="Instead of --epsilon and --delta: Gaussian privacy loss mu.")]
Actor = Annotated[str, typer.Option("--actor", help="Who does this; kept in the ledger for ever.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger for ever.")]
SignKey = Annotated[
    Path | None, typer.Option("--sign-key", metavar="FILE", help="Ed25519 private key (PEM) that signs the new entry.")
]


@app.command()
def init(
    ledger: Address,
    epsilon: Epsilon = None,
    delta: Delta = None,
    reserved_delta: Reserve = 0.0,
    mu: Mu = None,
    scope: Scope = "population",
    actor: Actor = "",
    reason: Reason = "",
    sign_key: SignKey = None,
    as_json: Json = False,
) -> None:
    """Make a ledger whose top scope has a lifetime cap."""
    with refusals(as_json):
        from dpsynth.ledger import Ledger

        cap = _cap(epsilon, delta, reserved_delta, mu)
        with Ledger.init(ledger, cap, scope, actor=actor, reason=reason, sign_key=sign_key) as made:
            print_balances(made.balances(), made.head, as_json)


@app.command()
def show(ledger: Address, as_json: Json = False) -> None:
    """Every scope: its cap, what was spent, what is left."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger) as opened:
            print_balances(opened.balances(), opened.head, as_json)


@app.command()
def quote(
    ledger: Address,
    scope: Scope,
    epsilon: Epsilon = None,
    delta: Delta = None,
    reserved_delta: Reserve = 0.0,
    mu: Mu = None,
    as_json: Json = False,
) -> None:
    """Whether a run would fit, and the largest that does; nothing is charged. Exit code 1 when it does not fit."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger) as opened:
            found = opened.quote(scope, _cost(epsilon, delta, reserved_delta, mu), delta=delta)
        print_quote(found, as_json)
        if not found.fits:
            raise typer.Exit(REFUSED)


@app.command()
def explain(ledger: Address, scope: Scope = "population", as_json: Json = False) -> None:
    """The requests that spent a scope's budget, in it and below it, oldest first."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger) as opened:
            spent = opened.explain(scope)
        print_spent(spent, as_json)


@app.command()
def grant(
    ledger: Address,
    scope: Scope,
    epsilon: Epsilon = None,
    delta: Delta = None,
    reserved_delta: Reserve = 0.0,
    mu: Mu = None,
    actor: Actor = "",
    reason: Reason = "",
    sign_key: SignKey = None,
    as_json: Json = False,
) -> None:
    """Set, raise or lower the lifetime cap of a scope: the total for ever, not an addition."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger, sign_key=sign_key) as opened:
            opened.cap(scope, _cap(epsilon, delta, reserved_delta, mu), actor=actor, reason=reason)
            print_balances(opened.balances(), opened.head, as_json)


@app.command()
def void(
    ledger: Address,
    request_id: Annotated[str, typer.Argument(help="The request, which must never have touched private rows.")],
    actor: Actor = "",
    reason: Reason = "",
    sign_key: SignKey = None,
    as_json: Json = False,
) -> None:
    """Give back what a request reserved. Refused once it has touched private rows."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger, sign_key=sign_key) as opened:
            opened.void(request_id, actor=actor, reason=reason)
            print_balances(opened.balances(), opened.head, as_json)


@app.command()
def verify(
    ledger: Address,
    certificate: Annotated[
        list[Path] | None,
        typer.Option("--certificate", metavar="FILE", help="A certificate.json or release directory; repeatable."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="Ed25519 public key (PEM) that may sign entries; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the whole chain and name every fault. Exit code 1 when there is one."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        heads = [head for path in certificate or [] for head in heads_of(path)]
        with open_ledger(ledger) as opened:
            faults = opened.verify(heads, keys=key or [])
        print_faults(faults, heads, as_json)
        if faults:
            raise typer.Exit(REFUSED)


@app.command()
def export(
    ledger: Address,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here; by default to stdout.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Errors as JSON; entries always are.")] = False,
) -> None:
    """Every entry as one line of JSON, oldest first."""
    with refusals(as_json):
        from dpsynth.ledger import open_ledger

        with open_ledger(ledger) as opened:
            lines = opened.export()
            if out is None:
                for line in lines:
                    typer.echo(line)
                return
            with closing(os.fdopen(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w")) as file:
                file.writelines(f"{line}\n" for line in lines)


def heads_of(path: Path) -> list[Head]:
    """The entries of a ledger that a certificate names. Raises LedgerError when it names none."""
    from dpsynth.errors import LedgerError
    from dpsynth.ledger import Head

    file = path / "certificate.json" if path.is_dir() else path
    try:
        record = json.loads(file.read_text(encoding="utf-8"))["ledger"]
        found = [(record["ledger_id"], record[seq], record[name]) for seq, name in _HEADS]
    except (OSError, ValueError, KeyError, TypeError):
        found = []
    if not found or any([type(part) for part in head] != [str, int, str] for head in found):
        raise LedgerError(f"certificate ({path}) must name an entry of a ledger; got none; try another certificate")
    return [Head(*head) for head in found]


_HEADS = (("seq", "hash"), ("head_seq", "head_hash"))


def _cap(epsilon: float | None, delta: float | None, reserved_delta: float, mu: float | None) -> Any:
    if mu is not None and epsilon is None and delta is None:
        return _cost(epsilon, delta, reserved_delta, mu) if reserved_delta else mu
    if mu is None and epsilon is not None and delta is not None:
        return (epsilon, delta, reserved_delta) if reserved_delta else (epsilon, delta)
    raise typer.BadParameter("give --epsilon and --delta together, or --mu alone", param_hint="--epsilon")


def _cost(epsilon: float | None, delta: float | None, reserved_delta: float, mu: float | None) -> Cost:
    from dpsynth.ledger import whole_units
    from dpsynth.privacy.calibration import budget_from, budget_from_mu

    if mu is not None and epsilon is None:
        return whole_units(budget_from_mu(mu, reserved_delta))
    if mu is None and epsilon is not None and delta is not None:
        return whole_units(budget_from(epsilon, delta, reserved_delta))
    raise typer.BadParameter("give --epsilon and --delta together, or --mu", param_hint="--epsilon")
