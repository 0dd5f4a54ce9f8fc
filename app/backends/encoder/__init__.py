"""The encoder of the embedded engine, as the backend calls it."""
