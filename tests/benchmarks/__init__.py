"""Benchmarks against other libraries: python tests/benchmarks/run.py"""
