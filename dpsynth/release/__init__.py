"""Releases: the synthetic table with its model, noisy numbers and certificate, in memory and on disk."""
