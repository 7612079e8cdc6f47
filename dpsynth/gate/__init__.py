"""The gate: whether a release may leave the house, decided by a policy file from public evidence alone."""
