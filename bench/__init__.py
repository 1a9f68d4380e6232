"""Benchmarks of the service: `make bench`. Figures are ratios within one run; nothing asserts."""
