"""JSON Schemas that callers send: bounded, compiled, and applied to data."""
