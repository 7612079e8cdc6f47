"""Dagster: a release as an asset, and the gate as a check that blocks what comes after it."""

import os
import secrets
import subprocess

import dagster

PRIVATE = os.environ.get("PRIVATE", "/srv/private")
OUT = f"{PRIVATE}/out/release"


def dpsynth(*arguments: str) -> int:
    """Run a command without its output, which may be the steward's; its exit code."""
    return subprocess.run(["dpsynth", *arguments], check=False, stdout=subprocess.DEVNULL).returncode


def done(*arguments: str) -> None:
    """Run a command that must end with code 0."""
    if dpsynth(*arguments):
        raise dagster.Failure(f"dpsynth {arguments[0]} did not end with code 0")


@dagster.asset(retry_policy=dagster.RetryPolicy(max_retries=2))
def synthetic_release(context: dagster.AssetExecutionContext) -> None:
    """Retries keep the run id, so they get the same release and spend nothing."""
    coins, public = f"{PRIVATE}/coins-{secrets.token_hex(8)}.json", f"{PRIVATE}/public-{context.run_id}.json"
    budget = ["--schema", "schema.yaml", "--epsilon", "1", "--delta", "1e-6", "--ledger", f"{PRIVATE}/ledger.db"]
    more = ["--request-id", f"dagster-{context.run_id}", "--audit-pool", coins, "--out", OUT, "--overwrite"]
    done("synthesize", f"{PRIVATE}/table.csv", *budget, *more)
    done("audit", OUT, "--private", f"{PRIVATE}/table.csv", "--pool", coins, "--public", public)
    done("sign", OUT, "--key", f"{PRIVATE}/key.pem", "--audit", public)


@dagster.asset_check(asset=synthetic_release, blocking=True)
def gate() -> dagster.AssetCheckResult:
    """Whether the release may leave the house."""
    code = dpsynth("gate", OUT, "--policy", "policy.yaml", "--ledger", f"{PRIVATE}/ledger.db", "--key", "key.pub.pem")
    return dagster.AssetCheckResult(passed=code == 0, metadata={"exit code": code})


definitions = dagster.Definitions(assets=[synthetic_release], asset_checks=[gate])
