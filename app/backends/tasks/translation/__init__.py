"""Translations: by the models of Hugging Face's pipelines, or by chat models."""
