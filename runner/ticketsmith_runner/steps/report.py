"""Write the report of what is there. It lies under the digest of its inputs, so it is not a step of the ledger."""

from ticketsmith.lottery.steps import Report
from ticketsmith.report import write

from ..context import Artifacts, Context


def run(step: Report, context: Context) -> Artifacts:
    write(context.ledger, context.spec, context.task)
    return Artifacts()
