"""What the shell offers, asked for as a shell does."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from dpsynth.cli.app import app


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("dpsynth syn", {"synthesize", "synthesizers"}, {"plan"}),
        ("dpsynth plan --synthesizer m", {"mst", "mosaic", "mixture", "mwem"}, {"aim"}),
        ("dpsynth plan --synthesizer aim --set ", {"binning=", "rows_in="}, {"nonsense="}),
        ("dpsynth schema import x --format p", {"pandera", "postgresql"}, {"dbt"}),
        ("dpsynth schema export x --to ", {"dbt", "pandera", "great-expectations"}, set()),
        ("dpsynth schema ", {"ask", "import", "draft"}, set()),
    ],
)
def test_the_shell_is_offered_names(line: str, offered: set[str], not_offered: set[str]) -> None:
    asked = {
        "_DPSYNTH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    result = CliRunner().invoke(app, prog_name="dpsynth", env=asked)
    found = set(result.stdout.split())
    assert offered <= found
    assert not not_offered & found


def test_settings_of_the_named_synthesizer_are_offered() -> None:
    from types import SimpleNamespace

    from dpsynth.cli.completion import settings
    from dpsynth.synthesizers.catalogue import fields_of

    own = set(fields_of("aim"))
    assert own
    assert own <= {each.removesuffix("=") for each in settings(SimpleNamespace(params={"synthesizer": "aim"}), "")}  # type: ignore[arg-type]
    assert not own <= {each.removesuffix("=") for each in settings(SimpleNamespace(params={}), "")}  # type: ignore[arg-type]
