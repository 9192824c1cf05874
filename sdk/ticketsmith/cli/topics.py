"""Help by topic: what each command is for, uncut at 80 columns, with an example that can be copied."""

from collections.abc import Iterator
from copy import copy
from typing import Any

from typer.core import TyperGroup

from .lazy import Lazy
from .voice import ANYWHERE

TOPICS = {
    "Find a ticket": {
        "run": ("run:app", "Run an experiment on this machine"),
        "resume": ("recorded:resume", "Go on with a run to its end, as it was begun: finished steps are kept"),
        "reproduce": ("reproduce:reproduce", "Train what a paper trained and print each published figure beside ours"),
        "rewind-point": (
            "rewinding:rewind_point",
            "Find the earliest update from which the outcome no longer depends on data order: the one to rewind to",
        ),
        "task": ("tasks:app", "Your own model: write a task's file, check it, list the installed ones"),
    },
    "Look at runs": {
        "list": ("recorded:list_runs", "List the runs of the store, newest first"),
        "status": ("recorded:status", "Show the rounds of a run as they are now"),
        "show": (
            "recorded:show",
            "Show all of a run on one screen: scorecard, decision, the command that leads to it",
        ),
        "compare": (
            "recorded:compare",
            "Set runs side by side: what was asked otherwise, verdicts, speed and, at a price, dollars",
        ),
        "report": ("results:report", "Write the report of a run (HTML, Markdown, JSON) and print its scorecard"),
        "gate": ("results:gate", "Print the verdict at the target sparsity"),
        "best": ("artifacts:best", "Name the best ticket of a run: the sparsest up to which every round passed"),
        "cost": (
            "results:cost",
            "Say what a token, an image or an inference costs, dense and as a ticket, and when the search has paid for "
            "itself",
        ),
        "benchmark": ("results:benchmark", "Measure the ticket of a run against its dense network, on this machine"),
        "delete": ("recorded:delete", "Delete a run for good"),
    },
    "Use a ticket": {
        "pack": (
            "packages:pack",
            "Write the ticket that `best` names as a package that `ticketsmith_runtime` loads",
        ),
        "verify": (
            "packages:verify",
            "Check every digest of a package, and that every program gives what the weights say",
        ),
        "generate": ("generate:generate", "Go on with a text, token by token"),
    },
    "On a cluster": {
        "submit": ("submit:app", "Submit an experiment to Argo Workflows"),
        "watch": ("remote:watch", "Show the rounds of a run live, to its end"),
        "logs": ("remote:logs", "Print what the pods of a run printed"),
        "stop": ("remote:stop", "End a run after its exit handler wrote the report of what is there"),
        "terminate": ("remote:terminate", "End a run at once, without a report"),
        "open": ("remote:open_page", "Open the page of a run in Argo's user interface"),
        "fetch": ("artifacts:fetch", "Copy a run out of a bucket, verified against its manifests"),
        "doctor": ("doctor:doctor", "Check the cluster, from server to quota, nodes, image and bucket"),
        "templates": ("templates:app", "The workflow templates: render, check, compare, apply"),
    },
}
"""Commands by what they are for, in the order of their use: where each is, and the first sentence of its help."""
EXAMPLES = {
    "run imp": "ticketsmith run imp --task flowers.py --sparsity 0.8",
    "run dense": "ticketsmith run dense --task flowers.py",
    "reproduce": "ticketsmith reproduce lth-lenet --dry-run",
    "rewind-point": "ticketsmith rewind-point --replicates 5",
    "task new": "ticketsmith task new flowers.py",
    "task check": "ticketsmith task check flowers.py",
    "list": "ticketsmith list",
    "show": "ticketsmith show digits-mlp",
    "compare": "ticketsmith compare digits-mlp-1 digits-mlp-2",
    "delete": "ticketsmith delete digits-mlp --yes",
    "report": "ticketsmith report digits-mlp --price 0.35 --open",
    "gate": "ticketsmith gate digits-mlp",
    "best": "ticketsmith best digits-mlp",
    "cost": "ticketsmith cost digits-mlp --price 0.35 --requests-per-day 1e6",
    "benchmark": "ticketsmith benchmark digits-mlp --batch 1",
    "pack": "ticketsmith pack digits-mlp -o digits.ticket",
    "verify": "ticketsmith verify digits.ticket",
    "generate": 'ticketsmith generate gpt.ticket "It is a truth"',
    "submit imp": "ticketsmith submit imp --task flowers.py --sparsity 0.8 --watch",
    "status": "ticketsmith status digits-mlp",
    "watch": "ticketsmith watch digits-mlp",
    "logs": "ticketsmith logs digits-mlp -f",
    "resume": "ticketsmith resume digits-mlp",
    "fetch": "ticketsmith fetch digits-mlp",
    "templates diff": "ticketsmith templates diff --profile cpu",
}
"""By command, one that can be typed."""


class Examples(TyperGroup):
    """Commands whose help ends with an example, and which take the options of the program too."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        example = EXAMPLES.get(" ".join([*_words(ctx), cmd_name]))
        if command is not None and example:
            command.epilog = f"Example: {example}"
        if command is not None and not hasattr(command, "commands"):
            there = {option.name for option in command.params}
            command.params += [option for option in _anywhere(ctx) if option.name not in there]
        return command


class Topics(Examples):
    """The commands of the program, under headings. None of their modules is imported for that."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands = Lazy({name: place for known in TOPICS.values() for name, (place, _) in known.items()})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for topic, known in TOPICS.items():
            with formatter.section(topic):
                formatter.write_dl([(name, summary) for name, (_, summary) in known.items()])


def _anywhere(ctx: Any) -> Iterator[Any]:
    """The options that may stand behind a command as well as before it; the program's own help shows them."""
    for option in ctx.find_root().command.params:
        if option.name in ANYWHERE:
            again = copy(option)
            again.hidden, again.expose_value = True, False
            yield again


def _words(ctx: Any) -> list[str]:
    """The commands up to this one, without the program."""
    return [*_words(ctx.parent), ctx.info_name] if ctx.parent else []
