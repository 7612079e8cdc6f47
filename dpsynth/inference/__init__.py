"""Error bars: what a release says about the population, and how sure it is, from released values alone."""
