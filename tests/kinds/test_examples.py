"""Data of each kind: how it is read may not matter, and what it draws depends on its own number alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from ticketsmith.errors import UsageError
from ticketsmith.task import Splits
from ticketsmith_runner import cards, planner, trainers
from ticketsmith_runner.examples import Examples
from ticketsmith_runner.network import state
from ticketsmith_runner.order import Order, fed

from .own import TASKS, Own


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Own:
    return Own(TASKS / "drawn.py", tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Own:
    root = tmp_path_factory.mktemp("still")
    (root / "still").touch()
    return Own(TASKS / "drawn.py", root)


def order(run: Own) -> Order:
    return Order(run.context.split(0).train, 8, 0, 0)


def batches(run: Own, workers: int, first: int = 0, count: int = 7) -> list[Tensor]:
    loaded = run.examples(workers=workers, resident=False).loaded(order(run).keys(first))
    return [next(loaded)[0] for _ in range(count)]


def trained(run: Own, examples: Examples) -> dict[str, Tensor]:
    class Given(type(run.context)):  # type: ignore[misc]
        pass

    object.__setattr__(context := Given(**vars(run.context)), "given", examples)
    Given.examples = property(lambda self: self.given)
    start = {f"weights/{name}": value for name, value in state(run.context.network("init")).items()}
    trainer = trainers.trainer("eager").start(run.context.network(), start, {}, run.spec.training, run.task.loss)
    trainer.advance(range(5), fed(context, 0, run.context.split(0), run.spec.training))
    return trainer.capture()


class Plain(Dataset[Tensor]):
    """Examples of one number; some cannot be read."""

    def __init__(self, torn: int = -1) -> None:
        self.torn = torn

    def __len__(self) -> int:
        return 40

    def __getitem__(self, number: int) -> Tensor:
        if number == self.torn:
            raise OSError("torn")
        return torch.full((3,), float(number))


def masked(items: list[Tensor]) -> Tensor:
    return torch.stack(items) + torch.rand(len(items), 3)


def noisy(workers: int) -> list[Tensor]:
    examples = Examples(Splits(examples=Plain(), test=range(30, 40), validation=5), masked, workers)
    loaded = examples.loaded(Order(np.arange(30), 8, 0, 0).keys(0))
    return [next(loaded) for _ in range(4)]


class Listed(Dataset[Any]):
    """Whatever is in a list, such as tokens as a tokenizer gives them."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Any:
        return self.items[number]


def digest(items: list[Any]) -> str:
    return cards.digest(Examples(Splits(examples=Listed(items), test=range(1), validation=1)), "data")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([[1, 23], [4]], [[12, 3], [4]]), ([[1], [2, 3]], [[1, 2], [3]]), ([{"a": 1}] * 3, [{"b": 1}] * 3)],
    ids=["digits", "lengths", "names"],
)
def test_other_examples_have_another_digest(ours: list[Any], theirs: list[Any]) -> None:
    assert digest(ours) != digest(theirs)


@pytest.mark.parametrize("workers", [1, 4])
def test_noise_of_a_collate_is_the_same_however_many_workers_read(workers: int) -> None:
    """huggingface/transformers: DataCollatorForLanguageModeling draws its masks there."""
    assert all(map(torch.equal, noisy(0), noisy(workers)))


def test_noise_of_a_collate_is_the_same_for_dense_and_ticket() -> None:
    examples = Examples(Splits(examples=Plain(), test=range(30, 40), validation=5), masked)
    assert torch.equal(examples.batch(np.arange(5)), examples.batch(np.arange(5)))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_example_that_cannot_be_read_is_named_whoever_reads_it(workers: int) -> None:
    examples = Examples(Splits(examples=Plain(torn=0), test=range(30, 40), validation=5), workers=workers)
    with pytest.raises(UsageError, match="example 0 cannot be read: OSError: torn"):
        list(zip(range(9), examples.loaded(Order(np.arange(30), 8, 0, 0).keys(0)), strict=False))


@pytest.mark.parametrize("workers", [1, 4])
def test_augmentation_is_the_same_however_many_workers_read(drawn: Own, workers: int) -> None:
    """pytorch/pytorch#5059: NumPy's generator was equal in all of them."""
    assert all(map(torch.equal, batches(drawn, 0), batches(drawn, workers)))


def test_augmentation_differs_from_epoch_to_epoch(drawn: Own) -> None:
    """facebookresearch/fairseq#1383. An epoch has three updates."""
    rows = torch.cat(batches(drawn, 0, count=6))
    of_epochs = [sorted(epoch[:, 1].frac().tolist()) for epoch in rows.chunk(2)]
    assert not set(of_epochs[0]) & set(of_epochs[1])


def test_each_generator_is_seeded_by_the_example(drawn: Own) -> None:
    """torch's, NumPy's and Python's: each column is of one of them."""
    rows = torch.cat(batches(drawn, 0, count=3))
    assert all((column - column.round()).unique().numel() > 20 for column in rows.T)


def test_a_training_that_goes_on_in_the_middle_of_an_epoch_sees_the_same(drawn: Own) -> None:
    assert all(map(torch.equal, batches(drawn, 0)[4:], batches(drawn, 0, first=4, count=3)))


def test_an_example_draws_the_same_wherever_it_stands_in_a_batch(drawn: Own) -> None:
    first = drawn.examples().batch(np.array([3, 5, 9]), lambda n: n)[0]
    other = drawn.examples().batch(np.array([9, 3]), lambda n: n)[0]
    assert torch.equal(first[2], other[0]) and torch.equal(first[0], other[1])


def test_an_example_is_evaluated_the_same_among_others(drawn: Own) -> None:
    network, numbers = drawn.context.network("init").eval(), drawn.context.split(0).test
    whole = drawn.measure().columns(network, numbers, recorded=False)["loss"]
    turned = drawn.measure().columns(network, numbers[::-1].copy(), recorded=False)["loss"]
    assert torch.allclose(whole, turned.flip(0), atol=1e-5)


def test_what_draws_is_never_held_in_memory(drawn: Own, still: Own) -> None:
    assert drawn.context.examples.tensors is None and still.context.examples.tensors is not None


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_what_does_not_fit_into_memory_trains_to_the_same_bytes(still: Own, workers: int) -> None:
    held = trained(still, still.examples())
    streamed = trained(still, still.examples(workers=workers, resident=False))
    assert all(torch.equal(held[name], streamed[name]) for name in held)


def test_each_example_is_read_once_for_memory(still: Own) -> None:
    class Counted(type(still.context.examples.splits.examples)):  # type: ignore[misc]
        reads = 0

        def __getitem__(self, number: int) -> Any:
            type(self).reads += 1
            return super().__getitem__(number)

    examples = Examples.of(Splits(examples=Counted(0.0), test=range(30, 40), validation=6))
    assert examples.tensors is not None
    examples.batch(np.arange(40))
    assert Counted.reads <= 41  # one besides, to know the size of an example


def test_a_look_reads_each_example_once(drawn: Own) -> None:
    measure, reads = drawn.measure(), []
    measure.examples.largest  # noqa: B018
    dataset = measure.examples.splits.examples
    real, kind = type(dataset).__getitem__, type(dataset)
    kind.__getitem__ = lambda self, number: (reads.append(number), real(self, number))[1]
    try:
        measure.look(drawn.context.network("init").eval(), np.arange(6))
    finally:
        kind.__getitem__ = real
    assert reads == [0, 1, 2, 3, 4, 5]


def test_items_of_unequal_size_are_batched_by_collate(tmp_path: Path) -> None:
    run = Own(TASKS / "sentences.py", tmp_path)
    assert run.context.examples.tensors is None
    assert run.context.examples.batch(np.arange(4))["input_ids"].shape == (4, 5)


def test_batches_that_a_task_collates_are_not_laid_side_by_side(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not tensors of one shape"):
        Own(TASKS / "sentences.py", tmp_path, {"training": {"trainer": "stack"}}).choice()


def test_splits_by_name_stay_where_they_are(tmp_path: Path) -> None:
    split = Own(TASKS / "sentences.py", tmp_path).context.split(1)
    assert split.validation.tolist() == list(range(30, 40)) and split.test.tolist() == list(range(40, 60))
    assert sorted(split.train) == list(range(30))


NUMBERS = TensorDataset(torch.arange(12.0))


def test_a_group_lies_in_one_split_of_each_replicate() -> None:
    groups = [n // 2 for n in range(12)]
    examples = Examples.of(Splits(examples=NUMBERS, folds=3, validation=2, groups=groups))
    for replicate in range(6):
        split = examples.split(0, replicate)
        parts = [{groups[n] for n in numbers} for numbers in (split.train, split.validation, split.test)]
        assert sum(map(len, parts)) == 6 and sum(map(len, (split.train, split.validation, split.test))) == 12


def test_folds_test_each_example_once() -> None:
    examples = Examples.of(Splits(examples=NUMBERS, folds=3, validation=2))
    assert sorted(np.concatenate([examples.split(0, r).test for r in range(3)])) == list(range(12))


@pytest.mark.parametrize(
    ("splits", "problem"),
    [
        (
            Splits(examples=NUMBERS, test=range(9, 12), validation=2, groups=[n // 2 for n in range(12)]),
            "group 4 in two",
        ),
        (Splits(examples=NUMBERS, folds=4, validation=2, groups=[0, 1, 2] * 4), "4 folds of 3 groups"),
        ({"train": NUMBERS}, "without test"),
        (Splits(examples=NUMBERS, test=range(0), validation=2), "no test example"),
        (Splits(examples=NUMBERS, test=range(9, 13), validation=2), "puts example 12 into a split"),
    ],
)
def test_splits_that_cannot_be_are_refused(splits: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Examples.of(splits)


def test_an_example_that_cannot_be_read_is_named() -> None:
    class Torn(list[int]):
        def __getitem__(self, number: Any) -> Any:
            raise OSError("cannot identify image file")

    examples = Examples.of({"train": Torn([1, 2, 3]), "validation": [1], "test": [1]})
    with pytest.raises(UsageError, match=r"example 0 cannot be read: OSError: cannot identify image file"):
        examples.batch(np.arange(2))


@pytest.mark.parametrize("items", [[torch.zeros(2), torch.zeros(3)], [object(), object()]])
def test_what_is_no_batch_is_refused_with_collate_as_the_fix(items: list[Any]) -> None:
    examples = Examples.of({"train": items, "validation": items, "test": items})
    with pytest.raises(UsageError, match="collate"):
        examples.batch(np.arange(2))


def test_a_data_set_with_a_generator_of_its_own_is_refused(tmp_path: Path) -> None:
    """A data set that draws on from where it was: no two processes would read the same."""
    source = (TASKS / "drawn.py").read_text().replace("np.random.rand()", "STREAM.random()")
    (tmp_path / "own_stream.py").write_text(source + "\n\nSTREAM = np.random.default_rng(0)\n")
    with pytest.raises(UsageError, match="example 0 is another each time"):
        Own(tmp_path / "own_stream.py", tmp_path).choice()


def test_the_planner_tries_what_a_task_collates(tmp_path: Path) -> None:
    run = Own(TASKS / "sentences.py", tmp_path)
    assert planner.difference("eager", run.context) == 0


def test_two_ends_of_a_line_draw_nothing_alike() -> None:
    """Frankle et al., ICML 2020: both order and augmentation are the noise of SGD."""
    pool = np.arange(8)
    trunk, a, b = (Order(pool, 4, 0, 0, stream) for stream in ("order", "order-a", "order-b"))
    seeds = [dict(next(order.keys(0)) + next(order.keys(1))) for order in (trunk, a, b)]
    assert all(len({seed[n] for seed in seeds}) == 3 for n in range(8))
    assert len({order.noise(0) for order in (trunk, a, b)}) == 3
