"""Scores an operation on labelled texts; knows the service by its routes only."""
