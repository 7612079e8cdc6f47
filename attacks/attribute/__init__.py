"""Attribute inference: what of a person's cells the release tells to somebody who knows the others."""

from attacks.attribute.inference import AttributeInference

__all__ = ("AttributeInference",)
