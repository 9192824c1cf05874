"""`execute` is the only door to a step: a laptop's child process, a pod and a test all go through it."""

from ticketsmith.lottery.steps import Step

from .context import Context
from .names import load


def execute(step: Step, context: Context) -> bool:
    """Run a step and commit what it made; False if that was done before. Parents must be committed.

    Raises TicketSmithError: Conflict if it is there from other parents, IntegrityError if a parent is not what it was.
    """
    run = load("steps", step.kind).run
    if step.derived:
        run(step, context)
        return True
    if context.ledger.done(step):
        return False
    made = run(step, context)
    context.ledger.commit(step, made.files, made.volatile)
    return True
