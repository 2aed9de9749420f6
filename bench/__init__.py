"""Benchmarks: slow proofs that `make test` leaves out."""
