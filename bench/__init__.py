"""Benchmarks of the service: `make bench`, and `python -m bench.document` for a long document.

Figures are ratios within one run; nothing asserts.
"""
