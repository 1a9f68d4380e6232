"""Benchmarks of the service: `make bench`; `make bench-queue` for the queue and for submissions.

`python -m bench.document` tries a long document. Figures are ratios within one run; nothing
asserts.
"""
