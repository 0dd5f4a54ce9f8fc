"""Finds and replaces personal data in texts, without I/O and without a model."""
