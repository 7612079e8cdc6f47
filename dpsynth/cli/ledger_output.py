"""What `dpsynth ledger` prints: balances, quotes, spending and faults, as tables for people and JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from dpsynth.cli.output import print_json, print_table

if TYPE_CHECKING:
    from dpsynth.ledger import Balance, Fault, Head, Quote, Spent
    from dpsynth.privacy.cost import Cost


def print_balances(balances: Sequence[Balance], head: Head, as_json: bool) -> None:
    """Every scope, and the ledger's newest entry."""
    if as_json:
        scopes = [_balance_json(one) for one in balances]
        print_json({"ledger_id": head.ledger_id, "head": {"seq": head.seq, "hash": head.hash}, "scopes": scopes})
        return
    rows = [
        (
            one.scope,
            "-" if one.cap_epsilon is None else _number(one.cap_epsilon),
            _number(one.spent_epsilon),
            _number(one.left_epsilon, down=True),
            f"{one.delta:g}",
            str(one.requests),
        )
        for one in balances
    ]
    print_table(("scope", "cap", "spent", "left", "at delta", "requests"), rows)
    typer.echo("cap, spent and left are epsilons; they do not add up, because costs do, in mu^2")
    typer.echo(f"ledger {head.ledger_id}, entry {head.seq}, hash {head.hash}")


def print_quote(found: Quote, as_json: bool) -> None:
    """What a run would find."""
    if as_json:
        print_json(
            {
                "scope": found.scope,
                "fits": found.fits,
                "delta": found.delta,
                "asked": _cost_json(found.asked),
                "asked_epsilon": _finite(found.asked_epsilon),
                "left": _cost_json(found.left),
                "largest_epsilon": found.largest_epsilon,
                "binds": {"scope": found.binds, "part": found.part},
            }
        )
        return
    from dpsynth.ledger.epsilons import in_epsilon, rounded_down

    typer.echo(f"asked:  {in_epsilon(found.asked_epsilon, found.delta)}: {'fits' if found.fits else 'does not fit'}")
    typer.echo(f"left:   {found.left}, bound by the {found.part} of {found.binds!r}")
    typer.echo(f"at most: epsilon {rounded_down(found.largest_epsilon):g} at delta {found.delta:g} in one run")


def print_spent(spent: Sequence[Spent], as_json: bool) -> None:
    """Who spent a scope's budget."""
    if as_json:
        print_json([_spent_json(one) for one in spent])
        return
    rows = [
        (one.request_id, one.scope, one.state.value, one.time, one.actor, _number(one.epsilon), one.reason)
        for one in spent
    ]
    print_table(("request", "scope", "state", "time", "by", "epsilon", "reason"), rows)
    typer.echo("An epsilon is what one request promises at the cap's delta; epsilons do not add up, mu^2 does.")


def print_faults(faults: Sequence[Fault], heads: Sequence[Head], as_json: bool) -> None:
    """What a check found, and what it could not see."""
    if as_json:
        found = [{"kind": fault.kind, "seq": fault.seq, "message": fault.message} for fault in faults]
        print_json({"ok": not faults, "known_heads": len(heads), "faults": found})
        return
    for fault in faults:
        typer.secho(f"fault ({fault.kind}): {fault.message}", fg=typer.colors.RED)
    if not faults:
        typer.echo("no fault: every entry follows from the one before it")
    if not heads:
        typer.echo("without --certificate a cut end or an old copy cannot be told")


def _balance_json(one: Balance) -> dict[str, Any]:
    return {
        "scope": one.scope,
        "cap": None if one.cap is None else _cost_json(one.cap),
        "spent": _cost_json(one.spent),
        "left": _cost_json(one.left),
        "delta": one.delta,
        "cap_epsilon": None if one.cap_epsilon is None else _finite(one.cap_epsilon),
        "spent_epsilon": _finite(one.spent_epsilon),
        "left_epsilon": _finite(one.left_epsilon),
        "requests": one.requests,
    }


def _spent_json(one: Spent) -> dict[str, Any]:
    return {
        "request_id": one.request_id,
        "scope": one.scope,
        "state": one.state.value,
        "time": one.time,
        "actor": one.actor,
        "reason": one.reason,
        "plan_hash": one.plan_hash,
        "cost": _cost_json(one.cost),
        "epsilon": _finite(one.epsilon),
        "seq": one.seq,
    }


def _cost_json(cost: Cost) -> dict[str, float]:
    return {"mu_squared": float(cost.mu_squared), "delta0": float(cost.delta)}


def _finite(epsilon: float) -> float | None:
    return epsilon if math.isfinite(epsilon) else None


def _number(epsilon: float, *, down: bool = False) -> str:
    from dpsynth.ledger.epsilons import rounded_down

    if not math.isfinite(epsilon):
        return "none"
    return f"{rounded_down(epsilon):g}" if down else f"{epsilon:.4g}"
