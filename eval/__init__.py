"""Pages with known text, and how readings of them are scored."""
