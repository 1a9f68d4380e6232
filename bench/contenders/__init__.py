"""Queues that `bench.queue` compares, each a program of its own that prints what it took.

Called with: address of the server, jobs, pages of each, pages in work at the same time. Each prints
one JSON object: `submit_s`, `work_s`, `cpu_s`.
"""
