"""What the embedded engine is sent: callers' text without control tokens, known fields, bounded grammars."""
