"""Keeps personal data from upstreams: placeholders leave, and the values return in responses."""
