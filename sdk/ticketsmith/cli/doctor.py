"""`ticketsmith doctor`: is everything there that a run on a cluster needs, and if not, how to get it."""

from .options import Output, OutputKind, StoreUrl


def doctor(store: StoreUrl = "runs", output: OutputKind = Output.text) -> int:
    """Check the cluster, from server to quota, nodes, image and bucket. Exit code: that of the first that fails."""
    from .checkup import checkup

    return checkup(store, output)
