"""Structured data from a text: the caller's JSON Schema, the calls, the model's answer, and its validation."""
