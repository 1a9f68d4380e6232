"""Tells callers that their jobs have ended: signed POSTs, repeated until they arrive."""
