"""Benchmarks that anybody can run: `python -m benchmarks`, or one file by itself."""
