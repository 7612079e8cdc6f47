"""Which code may draw which randomness, read off the syntax tree.

Noise and every other random choice on private data comes from an EntropySource, which no seed reaches. A numpy
Generator is for post-processing alone, and always an explicit one.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "dpsynth").rglob("*.py"))

# The rooms that see rows, or draw what protects them: no numpy randomness, no seeds.
PRIVATE_ROOMS = ("dpsynth/private/", "dpsynth/mechanisms/", "dpsynth/privacy/", "dpsynth/session.py")
# Post-processing of what was released, and the steward's own evaluation: an explicit numpy Generator is welcome.
GENERATOR_ROOMS = (
    "dpsynth/codec/",
    "dpsynth/inference/",
    "dpsynth/models/",
    "dpsynth/release/",
    "dpsynth/synthesizers/",
    "dpsynth/encoding.py",
    "dpsynth/engine.py",
    "dpsynth/evaluate.py",
    "dpsynth/evaluation/",
    "dpsynth/replay.py",
    "dpsynth/selftest.py",
    "dpsynth/forecast/",  # made-up tables; it is handed no private one
    "dpsynth/cli/",
)
# The one file of the private rooms that holds sources of randomness, the test-only one among them.
SOURCES_OF_ENTROPY = "dpsynth/privacy/randomness.py"

NUMPY_RANDOM = {"np.random", "numpy.random"}
# What a caller needs to make, hold or split an explicit generator. Everything else there is numpy's global state.
EXPLICIT = {"Generator", "default_rng", "SeedSequence", "BitGenerator", "Philox", "PCG64", "PCG64DXSM"}
SYSTEM_ENTROPY = ("os.urandom", "os.getrandom", "secrets", "uuid")
DRAWS = {
    "bernoulli", "binomial", "choice", "choices", "exponential", "gamma", "gauss", "geometric", "gumbel", "integers",
    "laplace", "logistic", "multinomial", "multivariate_normal", "normal", "normalvariate", "permutation", "permuted",
    "poisson", "rand", "randint", "randn", "random", "random_sample", "rvs", "shuffle", "standard_normal", "uniform",
}  # fmt: skip
TORCH_DRAWS = {"bernoulli", "multinomial", "normal", "poisson", "rand", "randint", "randn", "randperm"}
SEEDS = {"seed", "seeds", "random_seed", "random_state", "rng", "bit_generator"}


def lint(text: str, path: str) -> list[str]:
    """Breaches of the rules in the source `text` of the module at `path`, as 'path:line: what'."""
    private = path.startswith(PRIVATE_ROOMS) and path != SOURCES_OF_ENTROPY
    explicit = path.startswith(GENERATOR_ROOMS) or path == SOURCES_OF_ENTROPY
    found: list[tuple[int, str]] = []
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
                found += [(node.lineno, f"import {name}") for name in names if _hides_randomness(name)]
                found += [(node.lineno, f"import {name}") for name in names if private and _system_entropy(name)]
            case ast.ImportFrom():
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found += [(node.lineno, f"import {name}") for name in names if _hides_randomness(name)]
                found += [(node.lineno, f"import {name}") for name in names if private and _system_entropy(name)]
            case ast.Attribute(value=base, attr=attr):
                found += _attribute(ast.unparse(base), attr, node.lineno, explicit, private)
            case ast.Assign(value=value) | ast.NamedExpr(value=value) if ast.unparse(value) in NUMPY_RANDOM:
                found.append((node.lineno, f"another name for {ast.unparse(value)}"))
    found += _global_torch(tree)
    if private:
        found += _in_a_private_room(tree)
    return [f"{path}:{line}: {what}" for line, what in sorted(set(found))]


def _hides_randomness(name: str) -> bool:
    """Imports after which a draw would no longer show where it comes from."""
    return name.split(".")[0] == "random" or name.startswith(("numpy.random", "torch.random", "scipy.stats.norm"))


def _system_entropy(dotted: str) -> bool:
    """Randomness of the operating system: good, but in a private room it comes as an EntropySource."""
    return any(dotted == name or dotted.startswith(f"{name}.") for name in SYSTEM_ENTROPY)


def _attribute(base: str, attr: str, line: int, explicit: bool, private: bool) -> list[tuple[int, str]]:
    dotted = f"{base}.{attr}"
    if base in NUMPY_RANDOM:
        return [] if explicit and attr in EXPLICIT else [(line, dotted)]
    if private and _system_entropy(dotted):
        return [(line, f"{dotted} outside {SOURCES_OF_ENTROPY}")]
    return [(line, dotted)] if dotted == "torch.manual_seed" else []


def _global_torch(tree: ast.AST) -> list[tuple[int, str]]:
    """Draws of torch that name no generator, and so take from its global state."""
    return [
        (node.lineno, f"torch.{attr} without a generator")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        for base, attr in [(ast.unparse(node.func.value), node.func.attr)]
        if base == "torch" and attr in TORCH_DRAWS and "generator" not in {each.arg for each in node.keywords}
    ]


def _in_a_private_room(tree: ast.AST) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in DRAWS:
                found.append((node.lineno, f"draw {ast.unparse(node.func)}"))
            case ast.arg(arg=name) | ast.keyword(arg=str(name)) if name in SEEDS:
                found.append((node.lineno, f"argument {name}"))
            case ast.AnnAssign(target=ast.Name(id=name)) if name in SEEDS:
                found.append((node.lineno, f"field {name}"))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_randomness_is_where_it_belongs(path: Path) -> None:
    assert not lint(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("dpsynth/mechanisms/count.py", "noise = np.random.normal(0, stddev, size)"),
        ("dpsynth/mechanisms/count.py", "noise = np.random.default_rng(0).normal(0, stddev, size)"),
        ("dpsynth/mechanisms/count.py", "noise = generator.laplace(scale)"),
        ("dpsynth/mechanisms/select.py", "class Select:\n    seed: int = 0"),
        ("dpsynth/mechanisms/select.py", "def select(scores, *, seed=None): ..."),
        ("dpsynth/mechanisms/select.py", "def select(scores, rng): ..."),
        ("dpsynth/privacy/exponential.py", "u = random.random()"),
        ("dpsynth/privacy/exponential.py", "import random"),
        ("dpsynth/privacy/exponential.py", "from random import gauss"),
        ("dpsynth/private/bounding.py", "frame.sample(n=1, random_state=0)"),
        ("dpsynth/private/bounding.py", "np.random.default_rng()"),
        ("dpsynth/private/kernels.py", "def kernel():\n    return numpy.random.rand()"),
        ("dpsynth/session.py", "words = os.urandom(8)"),
        ("dpsynth/session.py", "from os import urandom"),
        ("dpsynth/private/bounding.py", "import secrets"),
        ("dpsynth/session.py", "def run(self, mechanism, seed): ..."),
        ("dpsynth/models/sampling.py", "np.random.seed(0)"),
        ("dpsynth/models/sampling.py", "rows = np.random.choice(10)"),
        ("dpsynth/models/sampling.py", "draw = np.random"),
        ("dpsynth/models/sampling.py", "from numpy.random import default_rng"),
        ("dpsynth/codec/numeric.py", "from numpy import random"),
        ("dpsynth/domain.py", "np.random.default_rng(0)"),
        ("dpsynth/networks/vae.py", "torch.manual_seed(0)"),
        ("dpsynth/networks/vae.py", "noise = torch.randn(3)"),
        ("dpsynth/networks/vae.py", "some = torch.randperm(rows).split(9)"),
    ],
)
def test_lint_sees_a_planted_breach(path: str, planted: str) -> None:
    assert lint(planted, path)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("dpsynth/models/sampling.py", "def sample(rows, rng: np.random.Generator): return rng.integers(0, 2, rows)"),
        ("dpsynth/models/sampling.py", "key = np.random.SeedSequence([seed, step]).generate_state(2)"),
        ("dpsynth/engine.py", "rng = np.random.default_rng(seed)"),
        ("dpsynth/privacy/randomness.py", "def words(self): return os.urandom(8)\ndef __init__(self, seed): ..."),
        ("dpsynth/mechanisms/count.py", "noise = discrete_gaussian.sample(stddev, counts.size, source)"),
        ("dpsynth/private/bounding.py", "keep = source.words(rows)"),
        ("dpsynth/networks/vae.py", "noise = torch.randn(3, generator=draws)"),
        ("dpsynth/release/bundle.py", "import secrets\nname = secrets.token_hex(8)"),
    ],
)
def test_lint_leaves_clean_code_alone(path: str, clean: str) -> None:
    assert not lint(clean, path)
