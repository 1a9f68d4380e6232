"""The vision-language models at their published sizes: see `__main__`."""
