"""Models switched and unloaded while jobs run: `python -m tests.switching`, and a short form."""
