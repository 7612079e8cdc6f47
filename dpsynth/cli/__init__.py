"""The command line: a thin layer over the public functions; it computes nothing itself."""

from dpsynth.cli.main import attacks_main, main

__all__ = ["attacks_main", "main"]
