"""Facts about DAGs as a whole: tags, counts of runs, warnings, and which of them people have marked."""
