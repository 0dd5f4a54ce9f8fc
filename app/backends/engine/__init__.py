"""Requests to the embedded engine: text without control tokens, known fields, bounded grammars."""
