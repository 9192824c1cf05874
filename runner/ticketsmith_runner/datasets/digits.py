"""Optical recognition of handwritten digits, as it comes with scikit-learn: 1,797 images of 8 x 8, 17 grey levels."""

import numpy as np

from ..data import Examples


def load(root: str) -> Examples:
    """Needs no files: `root` is not looked at."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Examples(
        pixels=digits.images.astype(np.uint8), labels=digits.target.astype(np.uint8), peak=16, mean=0.3053, std=0.3760
    )
