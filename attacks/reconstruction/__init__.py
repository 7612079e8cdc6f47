"""Reconstruction: bits, rows and picks among candidates, worked out from what a release says."""
