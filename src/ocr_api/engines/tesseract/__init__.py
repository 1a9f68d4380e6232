"""The Tesseract engine: reads with the language data shipped or installed."""

from ocr_api.engines.tesseract.engine import TesseractEngine

__all__ = ["TesseractEngine"]
