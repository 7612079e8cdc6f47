"""The command line: a thin layer over the public functions; it computes nothing itself."""

from dpsynth.cli.main import main

__all__ = ["main"]
