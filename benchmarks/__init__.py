"""Benchmarks: each prints this suite, the alternative and the ratio, measured in one run."""
