"""What the shell offers after TAB; heavy imports wait until it asks."""

from __future__ import annotations

import typer


def synthesizer_names(incomplete: str) -> list[tuple[str, str]]:
    """Names of synthesizers, each with its summary."""
    import dpsynth

    return [(name, words) for name, words in dpsynth.synthesizers().items() if name.startswith(incomplete)]


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """`KEY=` for the settings of the engine and of the synthesizer that stands on the line already."""
    from dpsynth.shared_settings import ENGINE_SETTINGS
    from dpsynth.synthesizers.catalogue import CATALOGUE, fields_of

    chosen = str(context.params.get("synthesizer"))
    names = [*ENGINE_SETTINGS, *(fields_of(chosen) if chosen in CATALOGUE else ())]
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def import_formats(incomplete: str) -> list[str]:
    """Formats of `schema import`."""
    from dpsynth.schema.importers.importer import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def export_targets(incomplete: str) -> list[str]:
    """Tools of `schema export`."""
    from dpsynth.schema.exports import TARGETS

    return [name for name in TARGETS if name.startswith(incomplete)]
