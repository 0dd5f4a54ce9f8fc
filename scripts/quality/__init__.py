"""Measures the embedded engine on labelled texts and writes docs/quality.md: see __main__.py."""
