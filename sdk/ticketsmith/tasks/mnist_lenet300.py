"""LeNet-300-100 on MNIST with the protocol of the Lottery Ticket Hypothesis (arXiv 1803.03635, figure 2, appendix G).

Glorot-normal weights, Adam 1.2e-3, batches of 60, 50,000 updates, 55,000 / 5,000 / 10,000 images for training,
validation and test, each of length 1 as in the authors' code; layer-wise pruning at 20 % a round, output layer at half
that rate.
"""

from ..lottery.task import Task

TASK = Task(
    summary="LeNet-300-100 on MNIST, protocol of the Lottery Ticket Hypothesis paper",
    dataset="mnist-unit-length",
    digest="95a1418ee759c5ac5021c1bde46a8586060598d91dba04e3f03151a1fcf43128",
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
