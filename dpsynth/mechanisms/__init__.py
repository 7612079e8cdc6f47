"""Mechanisms: frozen values that state their privacy cost and turn exact counts into noisy numbers."""
