"""The rules of each kind. Each module has a function that yields the findings in a normalized text."""
