"""Our side of `python -m benchmarks`: the experiments' own tasks, updates and searches."""
