"""Benchmarks of the service: `make benchmarks` for docs/benchmarks.md, `make bench` for less.

`make bench-queue` tries the queue alone, and submissions.
`python -m bench.document` tries a long document. Figures are ratios within one run; nothing
asserts.
"""
