"""Airflow: synthesize, audit and gate, one task each. Workers need dpsynth and the folder $PRIVATE."""

import os
import secrets
import subprocess

from airflow.sdk import dag, task

PRIVATE = os.environ.get("PRIVATE", "/srv/private")


def dpsynth(*arguments: str) -> None:
    """Run a command without its output, which may be the steward's; a code other than 0 fails the task."""
    subprocess.run(["dpsynth", *arguments], check=True, stdout=subprocess.DEVNULL)


@dag(schedule=None, catchup=False)
def synthetic_release():
    """Retries keep the run id, so they get the same release and spend nothing."""

    @task(retries=2)
    def synthesize(run_id: str | None = None) -> list[str]:
        out, coins = f"{PRIVATE}/out/{run_id}", f"{PRIVATE}/coins-{secrets.token_hex(8)}.json"
        budget = ["--schema", "schema.yaml", "--epsilon", "1", "--delta", "1e-6", "--ledger", f"{PRIVATE}/ledger.db"]
        more = ["--request-id", f"airflow-{run_id}", "--audit-pool", coins, "--out", out, "--overwrite"]
        dpsynth("synthesize", f"{PRIVATE}/table.csv", *budget, *more)
        return [out, coins]

    @task
    def audit(made: list[str]) -> str:
        out, coins = made
        public = f"{out}-public.json"
        dpsynth("audit", out, "--private", f"{PRIVATE}/table.csv", "--pool", coins, "--public", public)
        dpsynth("sign", out, "--key", f"{PRIVATE}/key.pem", "--audit", public)
        return out

    @task
    def gate(out: str) -> None:
        dpsynth("gate", out, "--policy", "policy.yaml", "--ledger", f"{PRIVATE}/ledger.db", "--key", "key.pub.pem")

    gate(audit(synthesize()))


synthetic_release()
