"""The default: real handwritten digits that come with scikit-learn, small enough for a laptop and no network.

One test fold of 360 images has a standard error of 0.75 points, so a single split cannot carry a verdict at 0.5 points.
Every five replicates therefore cross-fit: together they test each of the 1,797 images once.
"""

from ..lottery.task import Task

TASK = Task(
    summary="MLP 64-300-100-10 on scikit-learn's handwritten digits (1,797 images of 8 x 8), cross-fitted in 5 folds",
    dataset="digits",
    digest="96a2f39efe031bbf8b65e426e81ea3b46ff22f04407ad7b7a05c631e1cbe27f3",
    shape=(1, 8, 8),
    classes=10,
    examples=1797,
    folds=5,
    validation=120,
    defaults={
        "replicates": 10,
        "training": {
            "steps": 360,
            "batch_size": 64,
            "optimizer": "adam",
            "learning_rate": 3e-3,
            "schedule": "cosine",
            "evaluate_every": 20,
        },
    },
)
