"""Prefect: synthesize, audit and gate. Workers need dpsynth and the folder $PRIVATE."""

import os
import secrets
import subprocess

from prefect import flow, task
from prefect.runtime import flow_run

PRIVATE = os.environ.get("PRIVATE", "/srv/private")


def dpsynth(*arguments: str) -> None:
    """Run a command without its output, which may be the steward's; a code other than 0 fails the task."""
    subprocess.run(["dpsynth", *arguments], check=True, stdout=subprocess.DEVNULL)


@task(retries=2)
def synthesize(request: str, out: str) -> str:
    """A retry asks with the same request id, so it gets the same release and spends nothing."""
    coins = f"{PRIVATE}/coins-{secrets.token_hex(8)}.json"
    budget = ["--schema", "schema.yaml", "--epsilon", "1", "--delta", "1e-6", "--ledger", f"{PRIVATE}/ledger.db"]
    more = ["--request-id", request, "--audit-pool", coins, "--out", out, "--overwrite"]
    dpsynth("synthesize", f"{PRIVATE}/table.csv", *budget, *more)
    return coins


@task
def audit(out: str, coins: str) -> None:
    """Attack the release, keep the steward's edition here, and sign the release with the public one."""
    public = f"{out}-public.json"
    dpsynth("audit", out, "--private", f"{PRIVATE}/table.csv", "--pool", coins, "--public", public)
    dpsynth("sign", out, "--key", f"{PRIVATE}/key.pem", "--audit", public)


@task
def gate(out: str) -> None:
    """Whether the release may leave the house."""
    dpsynth("gate", out, "--policy", "policy.yaml", "--ledger", f"{PRIVATE}/ledger.db", "--key", "key.pub.pem")


@flow
def synthetic_release() -> str:
    """The request is named by the flow run."""
    out = f"{PRIVATE}/out/{flow_run.id}"
    coins = synthesize(f"prefect-{flow_run.id}", out)
    audit(out, coins)
    gate(out)
    return out


if __name__ == "__main__":
    synthetic_release()
