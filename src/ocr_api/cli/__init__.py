"""The command `ocr-api`."""
