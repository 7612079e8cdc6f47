"""The examples of pipelines: their files parse, and what they run is run for real on a small table."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import dpsynth
from dpsynth.ledger import open_ledger

PIPELINES = Path(dpsynth.__file__).parents[1] / "examples" / "pipelines"
POLICY = """
format: dpsynth-policy
version: 1
name: examples
expires: 2999-01-01
rules:
  epsilon: {at_most: 1.0}
  delta: {at_most: 1.0e-6}
  noise: {exact: true}
  ledger: {needed: required}
  audit_verdict: {allowed: [pass, inconclusive]}
"""


def document(name: str) -> dict[Any, Any]:
    return yaml.safe_load((PIPELINES / name).read_text())


def github_steps() -> list[str]:
    return [step["run"] for step in document("github-actions.yml")["jobs"]["release"]["steps"] if "run" in step]


def gitlab_steps() -> list[str]:
    return document("gitlab-ci.yml")["synthesize"]["script"]


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.integers(0, 9, rows) for name in "abcd"})


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command `dpsynth`, whether or not the package's scripts are installed."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "dpsynth"
    start = f'exec {sys.executable} -c "from dpsynth.cli import main; main()" "$@"'
    script.write_text(f"#!/bin/sh\nexport PYTHONPATH=${{SOURCE:-$PYTHONPATH}}\n{start}\n")
    script.chmod(0o755)
    return folder


@pytest.fixture
def house(tmp_path: Path, programs: Path) -> tuple[Path, dict[str, str]]:
    """A checkout and a private folder beside it, with a ledger and a key; and the environment of a job."""
    private, checkout = tmp_path / "private", tmp_path / "checkout"
    private.mkdir(mode=0o700)
    checkout.mkdir()
    table(3000, 1).to_csv(private / "table.csv", index=False)
    dpsynth.Schema([dpsynth.Categorical(name, values=range(9)) for name in "abcd"]).save(checkout / "schema.yaml")
    (checkout / "policy.yaml").write_text(POLICY)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PIPELINES.parents[1]),
        "PRIVATE": str(private),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    }
    prepare = """
        dpsynth ledger init "$PRIVATE/ledger.db" --epsilon 3 --delta 1e-5 --actor steward --reason lifetime
        dpsynth sign --new-key "$PRIVATE/key.pem"
        cp "$PRIVATE/key.pub.pem" key.pub.pem
    """
    run(prepare, checkout, environment)
    return checkout, environment


def run(script: str, folder: Path, environment: Mapping[str, str], shell: str = "set -eu") -> None:
    """Run a step as a runner does, in a shell that stops at the first error."""
    done = subprocess.run(
        ["bash", "-c", f"{shell}\n{script}"], cwd=folder, env=dict(environment), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def charges(environment: Mapping[str, str]) -> list[str]:
    with open_ledger(str(Path(environment["PRIVATE"]) / "ledger.db")) as ledger:
        return [spent.request_id for spent in ledger.explain("population")]


JOBS = {
    "github": ("github-actions.yml", github_steps, "out/github-4711", False),
    "gitlab": ("gitlab-ci.yml", gitlab_steps, "release", True),
}


QUICK = "--attacks copies,calibrated-distance,marginals"
"""Fewer attacks than an audit of a release runs by itself; they are tested elsewhere."""


@pytest.mark.parametrize("job", JOBS)
def test_the_steps_of_a_job_make_a_release_and_a_retry_is_free(job: str, house: tuple[Path, dict[str, str]]) -> None:
    _, steps, release, whole = JOBS[job]
    checkout, environment = house
    environment = environment | {"REQUEST": f"{job}-4711", "GITHUB_STEP_SUMMARY": str(checkout / "summary.md")}
    certificates = set()
    for attempt in (1, 2):
        environment["COINS"] = str(checkout.parent / "private" / f"coins-{attempt}.json")
        for step in steps()[: None if whole or attempt == 1 else 1]:
            run(step.replace("dpsynth audit", f"dpsynth audit {QUICK}"), checkout, environment)
        certificates.add((checkout / release / "certificate.json").read_bytes())
        assert charges(environment) == [environment["REQUEST"]]
        if whole or attempt == 1:
            assert json.loads((checkout / release / "gate.json").read_text())["verdict"] == "pass"
            assert json.loads((checkout / release / "audit.json").read_text())["edition"] == "public"
    assert len(certificates) == 1
    assert not [path for path in checkout.rglob("*") if "coins" in path.name or path.name == "key.pem"]


def test_a_step_that_fails_stops_the_job(house: tuple[Path, dict[str, str]]) -> None:
    checkout, environment = house
    environment = environment | {"REQUEST": "github-1", "COINS": str(checkout.parent / "private" / "coins.json")}
    (checkout / "policy.yaml").unlink()
    with pytest.raises(AssertionError, match="error: "):
        run(github_steps()[-1], checkout, environment)
    assert charges(environment) == []


GITHUB_KEYS = {"name", "on", "permissions", "concurrency", "jobs"}
GITHUB_JOB = {"runs-on", "env", "steps", "permissions", "needs", "if", "timeout-minutes"}
GITHUB_STEP = {"name", "run", "uses", "with", "if", "env", "id"}
GITLAB_JOB = {"stage", "tags", "resource_group", "rules", "variables", "script", "artifacts", "retry", "needs"}


def test_the_files_have_the_keys_of_their_systems() -> None:
    github = document("github-actions.yml")
    # YAML 1.1 reads the key `on` as true.
    assert {"on" if key is True else key for key in github} <= GITHUB_KEYS
    for job in github["jobs"].values():
        assert set(job) <= GITHUB_JOB
        for step in job["steps"]:
            assert set(step) <= GITHUB_STEP
            assert ("run" in step) != ("uses" in step)
    gitlab = document("gitlab-ci.yml")
    assert {gitlab[name]["stage"] for name in gitlab if name != "stages"} == set(gitlab["stages"])
    for name in set(gitlab) - {"stages"}:
        assert set(gitlab[name]) <= GITLAB_JOB
    hooks = [hook for repo in document("pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert all({"id", "name", "language", "entry", "files"} <= set(hook) for hook in hooks)


def test_every_job_names_its_request_by_the_run() -> None:
    assert document("github-actions.yml")["jobs"]["release"]["env"]["REQUEST"] == "github-${{ github.run_id }}"
    assert document("gitlab-ci.yml")["synthesize"]["variables"]["REQUEST"] == "gitlab-$CI_PIPELINE_ID"
    for name, request in {
        "airflow_dag": "run_id",
        "dagster_asset": "context.run_id",
        "prefect_flow": "flow_run.id",
    }.items():
        assert f'-{{{request}}}"' in (PIPELINES / f"{name}.py").read_text()


@pytest.mark.parametrize("path", sorted(PIPELINES.iterdir()), ids=lambda path: path.name)
def test_an_example_is_short_and_hands_out_no_private_file(path: Path) -> None:
    text = path.read_text()
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 60
    if path.suffix == ".py":
        ast.parse(text)
    uploaded = re.findall(r"paths?:.*", text)
    assert not [line for line in uploaded if "PRIVATE" in line]


def test_the_hooks_pass_on_a_clean_repository_and_stop_a_draft(house: tuple[Path, dict[str, str]]) -> None:
    checkout, environment = house
    hooks = {hook["id"]: hook for hook in document("pre-commit-config.yaml")["repos"][0]["hooks"]}
    run(hooks["dpsynth-plan"]["entry"], checkout, environment)
    run('dpsynth schema draft "$PRIVATE/table.csv" --out draft.yaml; mv draft.yaml schema.yaml', checkout, environment)
    with pytest.raises(AssertionError, match="unreviewed"):
        run(hooks["dpsynth-plan"]["entry"], checkout, environment)
    for kept in ("data/table.csv", "coins-7.json", "ledger.db-wal", "key.pem"):
        assert re.search(hooks["dpsynth-no-private-data"]["files"], kept)
    assert not re.search(hooks["dpsynth-no-private-data"]["files"], "key.pub.pem")


# Each runs its example in a process of its own. PYTHON_WITH_AIRFLOW and so on may name an interpreter, which needs
# the orchestrator alone, since the examples call the command.
RUNNERS = {
    "airflow": """
import airflow_dag
dag = airflow_dag.synthetic_release()
assert dag.test().state == "success"
""",
    "dagster": """
import dagster, dagster_asset
made = dagster.materialize([dagster_asset.synthetic_release, dagster_asset.gate])
assert made.success and all(one.passed for one in made.get_asset_check_evaluations())
""",
    "prefect": """
from prefect.testing.utilities import prefect_test_harness
import prefect_flow
with prefect_test_harness():
    assert prefect_flow.synthetic_release()
""",
}


@pytest.mark.parametrize("name", RUNNERS)
def test_an_orchestrator_runs_its_example(name: str, house: tuple[Path, dict[str, str]]) -> None:
    python = os.environ.get(f"PYTHON_WITH_{name.upper()}")
    if python is None:
        pytest.importorskip(name)
        python = sys.executable
    checkout, environment = house
    home = {"HOME": str(checkout), "AIRFLOW_HOME": str(checkout), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    home["AIRFLOW__CORE__DAGS_FOLDER"] = str(PIPELINES)
    places = {"PYTHONPATH": str(PIPELINES), "SOURCE": str(PIPELINES.parents[1]), **home}
    migrate = '"$PYTHON" -m airflow db migrate > /dev/null; "$PYTHON" -m airflow dags reserialize > /dev/null;'
    prepare = migrate if name == "airflow" else ""
    script = f"{prepare} exec \"$PYTHON\" -c '{RUNNERS[name]}'"
    run(script, checkout, environment | places | {"PYTHON": python})
    assert [request.split("-")[0] for request in charges(environment)] == [name]
