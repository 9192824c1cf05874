"""When an attempt is repeated: after a preemption or an outage, never after a bug, an OOM kill or a deadline.

Argo compares strings. Exit codes are the runner's (ticketsmith/errors.py): 75 after SIGTERM, 3 for a service that is
down. 143 and 137 are the signals of a node that goes; 137 is an OOM kill too, and a deadline ends in either.
"""

from hera.workflows import RetryStrategy
from hera.workflows.models import Backoff

ATTEMPTS = 10
SPOT_ATTEMPTS = 3
FINAL = "OOMKilled|(?i)deadline|forbidden|^timeout$"  # 'timeout': it waited too long for a machine
# A node that comes back may reject the pod that was bound to it, before anything has run.
LOST = "(?i)imminent node shutdown|pod deleted|pod was rejected|preempt|NodeShutdown|Evicted"
EXPRESSION = (
    f"not (lastRetry.message matches '{FINAL}') && ("
    "lastRetry.exitCode in ['3', '75', '137', '143'] || lastRetry.status == 'Error' || "
    f"lastRetry.message matches '{LOST}')"
)
# `retries` is known to templates with a retryStrategy only: the first attempts insist on spot, the later ones may not.
# The blank between the braces is needed: two closing braces end a tag, also within a string.
ON_SPOT = '{"nodeSelector":{"cloud.google.com/gke-spot":"true"} }'
SPOT_FIRST = f"{{{{=asInt(retries) < {SPOT_ATTEMPTS} ? '{ON_SPOT}' : '{{}}'}}}}"


def retry() -> RetryStrategy:
    """The backoff is waited before the expression is asked, so it starts small. No maxDuration: it kills attempts."""
    return RetryStrategy(limit=ATTEMPTS, expression=EXPRESSION, backoff=Backoff(duration="5s", factor=2, cap="5m"))
