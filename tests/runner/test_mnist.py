"""LeNet-300-100 on the real MNIST, on a small budget: 1,000 of the paper's 50,000 updates."""

import pytest

from ticketsmith.lottery.results import Verdict
from ticketsmith.specs import read_spec

from ..conftest import mnist_root
from .conftest import Run


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if (root := mnist_root()) is None:
        pytest.skip("MNIST is not here: put torchvision's copy into data/, or set TICKETSMITH_TEST_DATA")
    spec = {
        "task": "mnist-lenet300",
        "replicates": 2,
        "training": {"steps": 1000, "evaluate_every": 250},
        "pruning": {"sparsity": 0.8, "fraction": 0.6},
        "benchmark": {"rounds": 1, "seconds": 0.001},
    }
    run = Run(read_spec(None, spec, str(root)), tmp_path_factory.mktemp("mnist"), data_root=str(root))
    run.go()
    return run


def verdict(run: Run, key: str) -> Verdict:
    return Verdict.model_validate_json(run.ledger.read(run[key], "verdict.json"))


def test_the_net_is_the_papers(mnist: Run) -> None:
    sizes = mnist.context.task.prunable(mnist.context.network())
    assert list(sizes.values()) == [235200, 30000, 1000]


def test_the_ticket_keeps_the_accuracy_and_the_control_does_not(mnist: Run) -> None:
    ticket, control = verdict(mnist, "level-02/ticket/gate"), verdict(mnist, "level-02/reinit/gate")
    assert ticket.kept == 53240  # 20 % of 266,200
    assert min(ticket.dense_test_score) > 0.94
    assert ticket.difference.mean > -0.005
    assert ticket.score.mean - control.score.mean > 0.005
