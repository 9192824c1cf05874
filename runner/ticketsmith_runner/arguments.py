"""The runner's arguments, the argv of laptop and pod: run one chain of steps, or walk them all.

    all    --spec KEY --store URL                                      every step that is not done
    step   --spec KEY --store URL --cohort 0 --level 2 --arm ticket --kinds prune,rewind,train
    report --spec KEY --store URL                                      the report of what is there so far
    stability --spec KEY --store URL --after 0,18,36                   what lies between two ends of one beginning
    certify --spec KEY --store URL --name lth-lenet --budget small     a finished run against a published result
    card --archive TAR --module flowers --name flowers                 what is known of a task; reads no store
    check --archive TAR --module flowers --name flowers --asked JSON   what would go wrong with it
    pack --spec KEY --store URL --cohort 0 --level 8 --to my.ticket    the measured ticket as a package

The data root of a pod is $TICKETSMITH_DATA_ROOT, where its data is mounted; else the files come from the store.
Standard output carries one JSON event a line, standard error is for people.
"""

import argparse
import os
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Arguments of every command."""
    root = os.environ.get("TICKETSMITH_DATA_ROOT") or "data"
    every = argparse.ArgumentParser(prog="ticketsmith_runner", description=__doc__)
    commands = every.add_subparsers(dest="command", required=True)
    for name in ("card", "check"):
        about = commands.add_parser(name)
        about.add_argument("--archive", required=True, type=Path, help="the task's code")
        about.add_argument("--module", required=True, help="import name in it")
        about.add_argument("--name", required=True, help="of the task")
        about.add_argument("--data-root", default="data", help="folder of the data sets")
        about.set_defaults(parent=None)
    commands.choices["check"].add_argument("--asked", default="{}", help="spec fields over the task's own, as JSON")
    commands.choices["check"].add_argument("--workers", type=int, default=1, help="processes that a run would have")
    for name in ("all", "step", "stability", "report", "certify", "pack"):
        command = commands.add_parser(name)
        command.add_argument("--spec", required=True, help="key of the spec in the store")
        command.add_argument("--store", required=True, help="URL of the store")
        command.add_argument("--parent", type=int, help="end when this process, which started it, is gone")
    for name in ("all", "step", "stability", "certify", "pack"):
        commands.choices[name].add_argument("--data-root", default=root, help="folder of the data sets")
        commands.choices[name].add_argument("--workers", type=int, default=1, help="processes of one thread each")
    for name in ("all", "step", "stability"):
        commands.choices[name].add_argument("--other-versions", action="store_true", help="go on with other packages")
    for name in ("step", "report"):
        commands.choices[name].add_argument("--outputs", type=Path, help="folder for what a workflow engine reads")
    commands.choices["all"].add_argument("--until", type=int, help="last level to run; 0: dense only")
    commands.choices["stability"].add_argument("--after", required=True, help="comma-separated updates")
    for name in ("name", "budget"):
        commands.choices["certify"].add_argument(f"--{name}", required=True)
    for name in ("step", "pack"):
        commands.choices[name].add_argument("--cohort", type=int, required=True)
        commands.choices[name].add_argument("--level", type=int, required=True)
    commands.choices["pack"].add_argument("--to", type=Path, required=True, help="file that is not there yet")
    commands.choices["pack"].add_argument("--onnx", type=Path, help="another one, for the compacted network")
    commands.choices["pack"].add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    one = commands.choices["step"]
    one.add_argument("--arm", required=True)
    one.add_argument("--kinds", required=True, help="comma-separated, in order")
    return every
