"""`ticketsmith rewind-point`: the earliest update that is worth rewinding to."""

from typing import TYPE_CHECKING, Annotated

import typer

from .asked import Asked
from .options import Config, DataRoot, Output, OutputKind, Replicates, Seed, Set, StoreUrl, Task, Workers

if TYPE_CHECKING:
    from ..lottery.results import Connectivity

After = Annotated[list[int] | None, typer.Option(help="Updates to try; repeat for several. [default: 0 to 20 %]")]


def rewind_point(
    config: Config = None,
    task: Task = None,
    replicates: Replicates = None,
    seed: Seed = None,
    set: Set = None,
    after: After = None,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    workers: Workers = None,
    output: OutputKind = Output.text,
) -> int:
    """Find the earliest update from which the outcome no longer depends on data order: the one to rewind to.

    Exit code: 0 and the spec field to set, or 7 if none of the updates is stable.
    """
    from ..allowance import cores
    from ..errors import UsageError
    from ..executors.local import run
    from ..lottery.gate import EXIT_CODES
    from ..lottery.results import Connectivity
    from ..lottery.stability import STABLE, candidates, earliest
    from ..stores import open_store
    from .showing import complain
    from .told import tell

    asked = Asked(config=config, task=task, replicates=replicates, seed=seed, set=set, data_root=data_root)
    spec, url = asked.spec(), open_store(store).url
    tried = after or candidates(spec)
    if wrong := [update for update in tried if not 0 <= update < spec.training.steps]:
        raise UsageError(f"--after: expected updates from 0 to {spec.training.steps - 1}, got {wrong[0]}", "try 0")
    points: list[Connectivity] = []

    def listen(event: dict[str, object]) -> None:
        if "connectivity" in event:
            points.append(point := Connectivity.model_validate(event["connectivity"]))
            if output is Output.text:
                typer.echo(_line(point, STABLE))
        else:
            complain(event)

    command = ["stability", "--after", ",".join(map(str, tried))]
    count = workers or cores()
    if code := run(spec, command, store=url, data_root=data_root, workers=count, listen=listen):
        return code
    best = earliest(points)
    if output is Output.json:
        tables = [point.model_dump(mode="json") for point in points]
        tell("rewind-point", {"run": spec.run_id(), "rewind_to": best.after if best else None, "tried": tables})
    elif best:
        typer.echo(f"rewind to update {best.after}: --set pruning.rewind_to={best.after}")
    else:
        typer.echo(f"none is stable (an error that rises by less than {STABLE:.0%}): try later ones with --after")
    return EXIT_CODES["PASS" if best else "UNDECIDED"]


def _line(point: "Connectivity", limit: float) -> str:
    rise = point.instability
    interval = "" if rise.low is None or rise.high is None else f" [{100 * rise.low:.2f}, {100 * rise.high:.2f}]"
    worst = rise.mean if rise.high is None else rise.high
    word = "stable" if worst < limit else "not stable"
    return (
        f"update {point.after:>6}: the error rises by {100 * rise.mean:.2f}{interval} points between two ends, {word}"
    )
