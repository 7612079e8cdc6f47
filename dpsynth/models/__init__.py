"""Models of released noisy marginals: fit, project, sample; no privacy cost and no private rows."""
