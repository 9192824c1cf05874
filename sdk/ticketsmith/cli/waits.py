"""Fixes for that which a pod waits for: Argo and Kubernetes say what is wrong, and not how to mend it."""

import re

from ..argo.locks import WAITS

NO_MACHINE = "Unschedulable|nodes are available"
WAKE = (
    "`ticketsmith resume RUN --cluster` has the controller look again; where it waits on, restart the controller: "
    "`kubectl -n argo rollout restart deployment/workflow-controller`"
)
"""The end of a wait for a lock that is not given."""
PAUSED = (
    "where its limit is 0, it is paused on purpose: "
    "`kubectl -n NAMESPACE get configmap ticketsmith-limits -o yaml` tells whoever may see it"
)
"""The other reason for such a wait, which is not known from here."""

FIXES = {
    "ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull": (
        "push that image, or name one that is there: ticketsmith templates apply --profile PROFILE --image NAME"
    ),
    NO_MACHINE: ("it goes on by itself once a node is free; where no pool has such machines, choose another --profile"),
    "exceeded quota|failed quota": (
        "it goes on by itself once others are done; `kubectl describe quota` shows what is used"
    ),
    WAITS.pattern: ("it goes on by itself once the runs before it are done; `ticketsmith list --cluster` shows them"),
}
"""Patterns of such sentences, and what ends the wait."""


def fix(reason: str) -> str:
    """The end of a wait, in words; nothing for a reason that is not known.

    >>> fix('ImagePullBackOff: Back-off pulling image "a:b"')
    'push that image, or name one that is there: ticketsmith templates apply --profile PROFILE --image NAME'
    >>> fix("PodInitializing")
    ''
    """
    return next((told for pattern, told in FIXES.items() if re.search(pattern, reason)), "")
