"""The AI operations, one module each; a new one needs a line here."""

from app.blueprints import complete, generate, sentiment, summarize, validate

OPERATIONS = (generate, complete, sentiment, summarize, validate)
