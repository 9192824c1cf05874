"""LeNet-300-100 on MNIST with the protocol of the Lottery Ticket Hypothesis (arXiv 1803.03635, figure 2, appendix G).

Glorot-normal weights, Adam 1.2e-3, batches of 60, 50,000 updates, 55,000 / 5,000 / 10,000 images for training,
validation and test; layer-wise pruning at 20 % a round, output layer at half that rate.
"""

from ..lottery.task import Task

TASK = Task(
    summary="LeNet-300-100 on MNIST, protocol of the Lottery Ticket Hypothesis paper",
    dataset="mnist",
    digest="8d2a404f394d1dfcb46df59c6f3d633e9a9f9a9065ca17bed632e5e34dc839dd",
    shape=(1, 28, 28),
    classes=10,
    examples=70000,
    test=10000,
    validation=5000,
    defaults={
        "replicates": 3,
        "training": {
            "steps": 50000,
            "batch_size": 60,
            "optimizer": "adam",
            "learning_rate": 1.2e-3,
            "evaluate_every": 100,
        },
    },
)
