"""How the service tells its operator what it does."""

from ocr_api.observability.logging import configure_logging, get_logger

__all__ = ["configure_logging", "get_logger"]
