"""Write the report of what is there, under its own digest."""

from ticketsmith.lottery.steps import Report
from ticketsmith.report import write

from ..context import Artifacts, Context


def run(step: Report, context: Context) -> Artifacts:
    write(context.ledger, context.spec, context.card)  # derived: the ledger has no entry of it
    return Artifacts()
