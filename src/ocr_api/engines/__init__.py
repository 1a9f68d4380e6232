"""Engines: page images in, page text out. Imported inside children only."""
