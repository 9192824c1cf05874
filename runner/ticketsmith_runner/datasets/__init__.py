"""One file per data set: load(root) -> Examples."""
