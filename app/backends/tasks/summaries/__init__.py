"""Summaries: whole sentences of the text, or text of a model, also of texts that are longer than the model reads."""
