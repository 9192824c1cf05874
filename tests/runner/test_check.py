"""`ticketsmith task check`: each thing that would fail after an hour is named in seconds, with its fix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.lottery.examination import Examination
from ticketsmith_runner.check.examine import examine
from ticketsmith_runner.check.trial import Trial
from ticketsmith_runner.tasks import Task

from ..runtime.texts import wordwise

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset, TensorDataset
from ticketsmith.task import ACCURACY, NATS, Metric, Scaling, Splits
"""
PARTS = {
    "METRIC": "METRIC = ACCURACY",
    "DEFAULTS": "DEFAULTS = {'replicates': 2, 'training': {'steps': 40, 'batch_size': 16, 'learning_rate': 0.1}}",
    "data": """
def data(root):
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=draws)
    return Splits(examples=TensorDataset(x, (x[:, 0] > 0).long()), test=range(150, 200), validation=30)
""",
    "model": """
def model(hidden=8):
    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 2))
""",
    "loss": """
def loss(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction='none')
""",
    "score": """
def score(model, batch):
    return (model(batch[0]).argmax(1) == batch[1]).float()
""",
    "record": """
def record(model, batch):
    return {'label': batch[1].to(torch.uint8)}
""",
}
Examined = Callable[..., Examination]


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    """A check of a small classifier, with some of its parts in other words."""

    def check(
        asked: dict[str, Any] | None = None, compared: int = 1000, tokenizer: bytes = b"", **changed: str
    ) -> Examination:
        (tmp_path / "task").mkdir()
        if tokenizer:
            (tmp_path / "task" / "tokenizer.json").write_bytes(tokenizer)
        parts = {**PARTS, **changed}
        (tmp_path / "task" / "own.py").write_text(HEAD + "\n".join(parts.values()))
        task = Task(str(tmp_path / "task"), "own")
        trial = Trial(
            task=task, name="own", data_root=str(tmp_path), code="0" * 64, asked=asked or {}, workers=1,
            folder=tmp_path / "store", compared=compared,
        )  # fmt: skip
        return examine(trial)

    return check


def problems(found: Examination) -> str:
    return "\n".join(f"{finding.check}: {finding.text}\n  fix: {finding.fix}" for finding in found.problems)


def notes(found: Examination) -> str:
    return "\n".join(finding.text for finding in found.notes)


VOCABULARIES = {
    "VOCABULARY = ['no', 'yes']": "",
    "VOCABULARY = 'ny'": "",
    "VOCABULARY = ['no', 'perhaps', 'yes']": "a vocabulary of 3 strings does not fit outputs [16, 2]",
    "VOCABULARY = ['no', 'no']": "a vocabulary has 'no' twice",
    "VOCABULARY = [0, 1]": "a list of strings",
    "VOCABULARY = 7": "not iterable",
}


@pytest.mark.parametrize("line", VOCABULARIES)
def test_a_vocabulary_has_a_string_for_each_output(examined: Examined, line: str) -> None:
    found = problems(examined(vocabulary=line))
    assert VOCABULARIES[line] in found and bool(found) == bool(VOCABULARIES[line])


TOKENIZERS = {
    "two tokens": (wordwise("no", "yes"), ""),
    "one token": (wordwise("no"), ""),
    "three tokens": (wordwise("no", "perhaps", "yes"), "a tokenizer with a token 2 does not fit outputs [16, 2]"),
    "no tokenizer": (b"no yes", "the tokenizer cannot be read"),
    "no file": (b"", "VOCABULARY of task own is 'tokenizer.json', which is no file that travels with it"),
}


@pytest.mark.parametrize("what", TOKENIZERS)
def test_a_tokenizer_has_no_more_tokens_than_there_are_outputs(examined: Examined, what: str) -> None:
    content, says = TOKENIZERS[what]
    found = problems(examined(vocabulary="VOCABULARY = 'tokenizer.json'", tokenizer=content))
    assert says in found and bool(found) == bool(says)


@pytest.mark.parametrize("name", ["/etc/tokenizer.json", "../task/tokenizer.json"])
def test_a_tokenizer_lies_beside_its_task(examined: Examined, name: str) -> None:
    line = f"VOCABULARY = {name!r}"
    assert "no file that travels with it" in problems(examined(vocabulary=line, tokenizer=wordwise("no", "yes")))


DECLARED = {
    "SCALING = Scaling(peak=255)": "",
    "SCALING = Scaling(mean=[0, 0, 0, 0, 0, 0])": "",
    "CLASSES = ['no', 'yes']": "",
    "SCALING = Scaling(mean=[0, 0])": "mean has 2 numbers",
    "CLASSES = ['no', 'perhaps', 'yes']": "3 names do not fit outputs [2]",
    "CLASSES = 7": "is no list of names",
}


@pytest.mark.parametrize("line", DECLARED)
def test_scaling_and_classes_fit_the_network(examined: Examined, line: str) -> None:
    found = problems(examined(declared=line))
    assert DECLARED[line] in found and bool(found) == bool(DECLARED[line])


# --- a task that is right ---------------------------------------------------------------------------------------------


def test_a_task_that_is_right_has_no_problem(examined: Examined) -> None:
    assert problems(examined()) == ""


def test_the_card_counts(examined: Examined) -> None:
    found = examined()
    assert found.card is not None and found.splits is not None
    assert (found.card.examples, found.splits.train, found.splits.validation, found.splits.test) == (200, 120, 30, 50)


def test_it_names_the_run(examined: Examined) -> None:
    assert str(examined().run).startswith("own-")


def test_it_says_what_is_prunable_and_why_the_rest_is_not(examined: Examined) -> None:
    found = {weight.name: weight.reason for weight in examined().weights}
    assert found == {"0.weight": "", "0.bias": "a bias", "2.weight": "", "2.bias": "a bias"}


def test_it_estimates_a_round(examined: Examined) -> None:
    estimate = examined().estimate
    assert estimate is not None and estimate.dense > 0 and estimate.round > estimate.dense and estimate.memory > 0


def test_it_says_which_trainers_apply(examined: Examined) -> None:
    reasons = {trainer.name: bool(trainer.reason) for trainer in examined().trainers}
    assert reasons == {"csr-mlp": True, "dense-mlp": True, "eager": False, "stack": False}


def test_it_says_which_back_ends_apply(examined: Examined) -> None:
    reasons = {backend.name: backend.reason for backend in examined().backends}
    assert (reasons["compact"], reasons["cuda"]) == ("", "no GPU is here")


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "code", "text", "fix"),
    [
        ("METRIC", "import flax_of_nobody", "ModuleNotFoundError: No module named 'flax_of_nobody'", "install flax"),
        ("METRIC", "METRIC = 1 / 0", "in line 7 of own.py: ZeroDivisionError", "traceback"),
        ("METRIC", "", "task own has no METRIC", "`ticketsmith task new` writes"),
        ("METRIC", "METRIC = 'accuracy'", "METRIC of task own is a str", "take ACCURACY, NATS or BITS"),
        ("DEFAULTS", "DEFAULTS = [1]", "DEFAULTS of task own is a list", "make it a dict"),
        ("DEFAULTS", "DEFAULTS = {'replicates': 2, 'training': {'steps': 40, 'batch_size': 16, 'learning_rat': 1.0}}",
         "DEFAULTS of task own are no valid spec:\n  - training.learning_rate: missing", "correct the fields"),
        ("METRIC", "METRIC = Metric(name='F1', unit='%', scale=100, higher_is_better=True, margin=0.1, whole='f1')",
         "record: F1: f1 is made of prediction and label, and the records have no prediction", "from `record`"),
        ("data", "data = 3", "data of task own cannot be called", "make it a function"),
        ("data", "def data(root): return {'train': []}", "data() returns train, without test", "return Splits"),
        ("data", "def data(root): return Splits(examples=[], folds=5, validation=1)", "data() returns no example",
         "--data-root"),
        ("data", "def data(root): return open(root / 'nowhere.csv')",
         "data() of task own fails in line 9 of own.py: FileNotFoundError", "correct the line"),
        ("model", "def model(hidden): return nn.Linear(6, 2)", "model() of task own has no default for hidden",
         "give each option a default"),
        ("model", "def model(): return 3", "model() of task own returns a int", "return a torch.nn.Module"),
        ("model", "def model(): return nn.Sequential(nn.BatchNorm1d(6), nn.Flatten())", "has nothing to prune",
         "prunable(model)"),
        ("loss", "def loss(model, batch): return F.cross_entropy(model(batch[0][:, :5]), batch[1])",
         "loss() of task own fails in line 19 of own.py: RuntimeError", "correct the line"),
        ("loss", "def loss(model, batch): return F.cross_entropy(model(batch[0]), batch[1], reduction='none')[:, None]",
         "loss() gives the shape (16, 1) for a batch of 16 examples, not (16,)", "reduction='none'"),
        ("loss", "def loss(model, batch): return (model(batch[0]).sum(1) - 1e9).sqrt()",
         "loss() is NaN or infinite at the first batch, in 16 of 16 examples", "look for a logarithm"),
        ("loss", "def loss(model, batch): return F.cross_entropy(model(batch[0]).detach(), batch[1], reduction='none')",
         "does not depend on any parameter", "no detach()"),
        ("loss", "seen = []\ndef loss(model, batch): seen.append(0); return model(batch[0]).sum(1) + len(seen)",
         "loss() gives other numbers in the same stream", "draw from torch's"),
        ("model", "draws = torch.Generator()\ndef model():\n    net = nn.Linear(6, 2)\n    "
         "nn.init.normal_(net.weight, generator=draws)\n    return net",
         "model() draws other weights from the same stream: weight", "draw from torch's"),
        ("score", "def score(model, batch): return torch.tensor(0.5)", "score() gives the shape ()", "one number"),
        ("record", "def record(model, batch): return {'loss': batch[1]}", "columns that are the runner's: loss",
         "other names"),
        ("record", "def record(model, batch): return {'label': batch[1][:3]}", "record()['label'] gives the shape (3,)",
         "one number"),
        ("record", "def baseline(training): return lambda batch: batch[1][:3]", "baseline() gives the shape (3,)",
         "return one number for each example"),
        ("record", "def inputs(batch): return {'image': batch[0]}", "the network does not take what inputs() gives",
         "write inputs(batch)"),
        ("record", "def sample(model, generator): return [str(torch.rand(1, generator=torch.Generator().manual_seed("
         "id(generator))))] if False else [torch.rand(5, 4, 4)]", "sample() gives an image of shape (5, 4, 4)",
         "(C, H, W)"),
        ("record", "def prunable(model): return ['3.weight']", "names '3.weight', which is no parameter",
         "choose from 0.weight"),
    ],
)  # fmt: skip
def test_bad_input(examined: Examined, part: str, code: str, text: str, fix: str) -> None:
    found = examined(**{part: code})
    assert text in problems(found)
    assert fix in next(finding.fix for finding in found.problems if text in f"{finding.check}: {finding.text}")


def test_a_scalar_loss_without_a_score_is_refused(examined: Examined) -> None:
    found = examined(loss="def loss(model, batch): return F.cross_entropy(model(batch[0]), batch[1])", score="")
    assert "loss() gives one number for a batch, and the task has no score()" in problems(found)


def test_a_scalar_loss_with_a_score_is_fine(examined: Examined) -> None:
    scalar = "def loss(model, batch): return F.cross_entropy(model(batch[0]), batch[1])"
    assert problems(examined(loss=scalar)) == ""


def test_every_problem_is_told_at_once(examined: Examined) -> None:
    found = examined(
        score="def score(model, batch): return model(batch[0])",
        record="def record(model, batch): return 1",
        model="def model(): return nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 2))",
        loss="def loss(model, batch): return F.cross_entropy(model[0](batch[0]), batch[1])[None]",
    )
    assert {finding.check for finding in found.problems} >= {"score", "record", "loss"}


def test_the_functions_of_a_task_are_tried_where_its_defaults_are_no_spec(examined: Examined) -> None:
    found = examined(DEFAULTS="DEFAULTS = {'replicats': 2}", score="def score(model, batch): return model(batch[0])")
    assert [finding.check for finding in found.problems] == ["spec", "score"]


def test_a_problem_is_told_once(examined: Examined) -> None:
    assert len(examined(data="def data(root): return 1 / 0").problems) == 1


def test_a_spec_that_the_user_asks_for_is_not_blamed_on_the_task(examined: Examined) -> None:
    assert "the spec is not valid:\n  - gate.margn: unknown key" in problems(examined({"gate": {"margn": 1}}))


# --- examples ---------------------------------------------------------------------------------------------------------

EQUAL = """
def data(root):
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    x[150:153] = x[:3]
    return Splits(examples=TensorDataset(x, (x[:, 0] > 0).long()), test=range(150, 200), validation=range(120, 150))
"""


def test_an_example_in_two_splits_is_named(examined: Examined) -> None:
    assert "3 of 50 test examples stand in training too, such as 150 (as 0)" in problems(examined(data=EQUAL))


def test_a_data_set_of_one_class_is_refused(examined: Examined) -> None:
    found = examined(data=PARTS["data"].replace("(x[:, 0] > 0).long()", "torch.ones(200).long()"))
    assert "all of 120 training examples have the class 1" in problems(found)


def test_a_constant_target_is_refused(examined: Examined) -> None:
    found = examined(
        data=PARTS["data"].replace("(x[:, 0] > 0).long()", "torch.ones(200)"),
        loss="def loss(model, batch): return (model(batch[0])[:, 0] - batch[1]) ** 2",
        score="",
        record="",
    )
    assert "all of 120 training examples have the target 1" in problems(found)


def test_a_target_that_the_loss_does_not_read_may_be_constant(examined: Examined) -> None:
    """As the folder of a VAE's images is."""
    found = examined(
        data=PARTS["data"].replace("(x[:, 0] > 0).long()", "torch.ones(200)"),
        loss="def loss(model, batch): return (model(batch[0]) - batch[0][:, :2]).square().mean(1)",
        METRIC="METRIC = NATS",
        score="",
        record="",
    )
    assert problems(found) == ""


def test_a_group_in_two_splits_is_refused(examined: Examined) -> None:
    groups = PARTS["data"].replace("validation=30", "validation=30, groups=[n % 7 for n in range(200)]")
    assert "data() has group 3 in two splits: example 150 is one of it" in problems(examined(data=groups))


def test_a_group_in_training_and_validation_is_refused(examined: Examined) -> None:
    groups = "validation=range(30), groups=[n % 7 if n < 150 else n for n in range(200)]"
    found = examined(data=PARTS["data"].replace("validation=30", groups))
    assert "data() has group 2 in two splits: example 30 is one of it" in problems(found)


def test_data_that_is_not_finite_is_named(examined: Examined) -> None:
    found = examined(data=PARTS["data"].replace("    return", "    x[:150, 2] = torch.nan\n    return"))
    assert "the data is NaN or infinite in 150 of 200 examples" in problems(found)


def test_an_example_beyond_the_first_batch_that_is_not_finite_is_named(examined: Examined) -> None:
    found = examined(data=PARTS["data"].replace("    return", "    x[150, 2] = torch.nan\n    return"))
    assert problems(found) == (
        "first batch: the data is NaN or infinite in 1 of 200 examples: 150\n"
        "  fix: leave such examples out, or fill them in"
    )


def test_a_loss_that_is_nan_is_not_blamed_on_the_mask(examined: Examined) -> None:
    nan = "def loss(model, batch): return F.cross_entropy(model(batch[0]), batch[1], reduction='none') * torch.nan"
    assert {finding.check for finding in examined(loss=nan).problems} == {"loss", "weights"}


AUGMENTED = """
class Images(Dataset):
    def __len__(self): return 200
    def __getitem__(self, n):
        x = torch.full((6,), float(n % 7)) + DRAW
        return x, n % 2
def data(root): return Splits(examples=Images(), test=range(150, 200), validation=30)
"""


def test_augmentation_from_torchs_stream_is_noted(examined: Examined) -> None:
    found = examined(data=AUGMENTED.replace("DRAW", "torch.randn(6)"))
    assert "examples draw numbers (augmentation)" in notes(found)


def test_augmentation_that_nobody_can_seed_is_refused(examined: Examined) -> None:
    unseeded = "torch.from_numpy(__import__('numpy').random.default_rng().normal(size=6)).float()"
    assert "examples differ when they are read again" in problems(examined(data=AUGMENTED.replace("DRAW", unseeded)))


# --- weights ----------------------------------------------------------------------------------------------------------

TOKENS = """
def data(root):
    x = torch.randint(0, 9, (200, 5), generator=torch.Generator().manual_seed(0))
    return Splits(examples=TensorDataset(x, x[:, 0] % 2), test=range(150, 200), validation=30)
"""
TIED = """
class model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.middle, self.head = nn.Embedding(9, 8), nn.Linear(8, 8), nn.Linear(8, 9, bias=False)
        self.norm, self.spare = nn.LayerNorm(8), nn.Linear(4, 4)
        self.head.weight = self.table.weight
        self.norm.weight.requires_grad_(False)
    def forward(self, x): return self.head(self.norm(self.middle(self.table(x).mean(1))))
"""


def test_reasons_are_given_for_what_is_not_pruned(examined: Examined) -> None:
    found = {weight.name: weight.reason for weight in examined(data=TOKENS, model=TIED).weights}
    assert found == {
        "table.weight": "tied with the embedding table",
        "middle.weight": "",
        "middle.bias": "a bias",
        "norm.weight": "frozen",
        "norm.bias": "a norm",
        "spare.weight": "",
        "spare.bias": "a bias",
    }


def test_tied_frozen_and_unused_parameters_are_named_and_not_refused(examined: Examined) -> None:
    found = examined(data=TOKENS, model=TIED)
    assert problems(found) == ""
    assert "head.weight shares its tensor with table.weight: counted once, not pruned" in notes(found)
    assert "frozen: norm.weight" in notes(found)
    assert "the loss does not reach spare.weight: what is pruned there saves nothing" in notes(found)


# --- a few updates ----------------------------------------------------------------------------------------------------

MOVING = """
class model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 2)
    def forward(self, x):
        with torch.no_grad():
            if self.training: self.first.weight.add_(0.01)
        return self.last(self.first(x).relu())
"""


def test_a_masked_weight_that_moves_is_named(examined: Examined) -> None:
    assert "masked weights move under adam in eager: weights/first.weight" in problems(examined(model=MOVING))


def test_a_loss_that_rises_is_refused(examined: Examined) -> None:
    """At a rate at which float32 overflows: at a lesser one some data are told apart by luck, and the loss is zero."""
    found = examined({"training": {"learning_rate": 1e25}})
    assert "the loss rises from" in problems(found) or "the loss is not finite" in problems(found)


def test_a_loss_that_falls_is_noted(examined: Examined) -> None:
    assert "the loss of one batch falls from" in notes(examined())


def test_batch_norm_in_training_does_not_count_as_a_rising_loss(examined: Examined) -> None:
    normed = "def model(): return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))"
    assert problems(examined(model=normed)) == ""


def test_data_that_does_not_fit_into_memory_is_read_where_it_is_needed(examined: Examined) -> None:
    large = """
class Large(Dataset):
    def __len__(self): return 10**6
    def __getitem__(self, n): return torch.zeros(2**14).index_fill(0, torch.tensor(n % 6), float(n)), n % 2
def data(root):
    from pathlib import Path
    files = [Path(__file__)]
    return Splits(examples=Large(), files=files, test=range(10**6 - 100, 10**6), validation=range(100))
"""
    found = examined(data=large, model="def model(): return nn.Linear(2**14, 2)", compared=500)
    assert "looked for equal examples in 500 of 1,000,000" in notes(found)


# --- the ladder -------------------------------------------------------------------------------------------------------

SMALLER = {
    "return {'hidden': max(1, weights // 8)}": "",
    "return {'hiden': 3}": "options that model() does not take: hiden\n  fix: did you mean 'hidden'?",
    "return {'hidden': 20}": "160 weights, no smaller than dense with 160",
    "return {'hidden': 1}": "of what was asked for",
    "return [3]": "returns a list\n  fix: return a dict",
}


@pytest.mark.parametrize("line", SMALLER)
def test_smaller_gives_networks_of_the_tickets_weights(examined: Examined, line: str) -> None:
    wide = "def model(hidden=20):\n    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 2))"
    asked = {"pruning": {"sparsity": 0.6}, "controls": ["smaller"]}
    found = examined(asked, model=wide, smaller=f"def smaller(weights):\n    {line}")
    assert SMALLER[line] in problems(found) and bool(problems(found)) == bool(SMALLER[line])
    if not SMALLER[line]:
        assert "smaller() gives dense networks of 32 weights for 0.5x, 64 weights for 1x" in notes(found)
        assert "the ladder takes 840 updates of them, beside 240 of the search" in notes(found)


def test_without_smaller_the_control_is_a_problem(examined: Examined) -> None:
    assert "spec: the spec is not valid:\n  - controls: smaller is not for task own" in problems(
        examined({"controls": ["smaller"]})
    )
