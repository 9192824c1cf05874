"""One file per criterion: score(weight) -> Tensor of the same shape; the lowest scores are pruned first."""
