"""The version of the service, as `/health`, the metrics and the User-Agent name it."""

SERVICE = "ai-huggingface"
__version__ = "0.1.0"
