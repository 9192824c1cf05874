"""Attempts are repeated after a preemption or an outage, never after a bug, an OOM kill or a deadline.

Exit codes are the runner's (ticketsmith/errors.py), as strings; 3 is a service that is down.
"""

from hera.workflows import RetryStrategy
from hera.workflows.models import Backoff

from ticketsmith.errors import Retryable
from ticketsmith.preemption import FINAL, LOST, SAID, SIGNALS

ATTEMPTS = 10
SPOT_ATTEMPTS = 3
AGAIN = [str(Retryable.code), *SIGNALS]
WORDS, ENDED, WENT = (f"lastRetry.message matches '{pattern}'" for pattern in (SAID, FINAL, LOST))
EXPRESSION = (
    f"({WORDS}) && lastRetry.exitCode in {AGAIN} || not ({WORDS}) && not ({ENDED}) && "
    f"(lastRetry.exitCode in {AGAIN} || lastRetry.status == 'Error' || {WENT})"
)
# `retries` is known to templates with a retryStrategy only: the first attempts insist on spot, the later ones may not.
# The blank between the braces is needed: two closing braces end a tag, also within a string.
ON_SPOT = '{"nodeSelector":{"cloud.google.com/gke-spot":"true"} }'
SPOT_FIRST = f"{{{{=asInt(retries) < {SPOT_ATTEMPTS} ? '{ON_SPOT}' : '{{}}'}}}}"


def retry() -> RetryStrategy:
    """The backoff is waited before the expression is asked, so it starts small. No maxDuration: it kills attempts."""
    return RetryStrategy(limit=ATTEMPTS, expression=EXPRESSION, backoff=Backoff(duration="5s", factor=2, cap="5m"))
