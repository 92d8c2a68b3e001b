"""What this machine makes of the store, each number beside its limit.

    make bench        or        python -m bench --help

A row and its limits are measured in turns, several times, by the same client on the
same disk. What counts is the median of the ratios: absolute numbers say more about the
machine, and about what else it was doing. TMPDIR chooses the disk.
"""
