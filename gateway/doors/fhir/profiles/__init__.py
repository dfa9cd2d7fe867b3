"""Our profiles: snapshots are generated here, and resources are checked by them (R4 profiling.html)."""
