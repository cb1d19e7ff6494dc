"""Argand beside PyTorch, on this machine, in one interleaved run.

    python -m benchmarks                    every table; `make bench` also installs what it needs
    python -m benchmarks matmul processes   some of them
    python -m benchmarks --rounds 3         a quick look

Each row gives PyTorch's figure, Argand's, and PyTorch's divided by Argand's: twice means twice as
fast, or half as large. Rounds of the two alternate, and only one computes at a time, so that both
meet the same machine; the figures are medians over the rounds. On a shared machine differences of
less than 15 % are ties.
"""
