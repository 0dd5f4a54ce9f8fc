"""Hugging Face's task calls and text-generation-inference: requests, responses and events."""
