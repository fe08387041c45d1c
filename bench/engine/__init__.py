"""The engine beside other frameworks: the same workloads, in the same run, against the same model server."""
