"""A run's ticket as a package that the ticket runtime loads, with what was measured and where it comes from."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ticketsmith import __version__
from ticketsmith.errors import Conflict, UsageError
from ticketsmith.lottery.choices import TICKET_IN_INT8
from ticketsmith.lottery.results import Speed, Verdict
from ticketsmith.lottery.steps import Benchmark, Gate
from ticketsmith_runtime import network as operators
from ticketsmith_runtime.graph import Graph, evaluate
from ticketsmith_runtime.int8.quantization import Scheme, precision
from ticketsmith_runtime.network import Network
from ticketsmith_runtime.network_model import SPARSE
from ticketsmith_runtime.package import Measured, Ticket, write
from ticketsmith_runtime.tokenizer import Tokenizer
from ticketsmith_runtime.vocabulary import Vocabulary
from ticketsmith_runtime.vocabulary import outputs as logits

from . import lowering
from .alone import Alone, alone
from .applicable import NotApplicable
from .arms import arm
from .backends.admission import Unequal, compare
from .backends.onnx_model import model
from .context import Context
from .declared import ends
from .inputs import Inputs, call, outputs, rows, tensors
from .quantized import fixed, ticket_in_int8
from .replicate import subject_of
from .subject import Subject
from .tasks import Task
from .wording import FIX, vocabulary

PROBES = 4  # samples
ACCELERATE = "ticketsmith_runtime.torch.accelerate"


def pack(
    step: Benchmark, gate: Gate, context: Context, to: Path, onnx: Path | None = None, int8: bool = False
) -> dict[str, Any]:
    """Write the replicate that `step` measured to `to`, a file that is not there yet. Raises TicketSmithError.

    Returns what the package says of where it comes from. `onnx`: a file for the compacted network, for other runtimes;
    they multiply its zeros.
    """
    speed = Speed.model_validate_json(context.ledger.read(step, "speed.json"))
    subject = subject_of(step, context, speed.replicate)
    if int8:
        subject = as_judged(subject, speed, context)
    network = _quantized(subject) if int8 else _found(subject)
    scales, names = ends(network, context.task)
    ticket = Ticket(
        graph=network,
        vocabulary=worded(network, context.task),
        scaling=scales,
        classes=names,
        measured=list(_in_int8(speed) if int8 else _chosen(speed)),
        machine=speed.machine.model_dump(mode="json"),
        provenance=_provenance(step, gate, context, speed)
        | {"alone": _alone(step, context, subject, speed, int8).document()}
        | ({"int8": _said(speed)} if int8 else {}),
    )
    with _writing(to, "-o"):
        write(to, ticket)
    if onnx:
        with _writing(onnx, "--onnx"), onnx.open("xb") as file:
            file.write(model(subject.compacted))
    return ticket.provenance


def _alone(step: Benchmark, context: Context, subject: Subject, speed: Speed, int8: bool) -> Alone:
    """The verdict on the network that is packed."""
    dense, trained = (arm([training], context.ledger).only(subject.replicate) for training in (step.dense, step.ticket))
    try:
        ticket = ticket_in_int8(subject, trained, speed.headline.batch_size, step, context) if int8 else trained
    except NotApplicable as reason:
        raise UsageError(f"the ticket in int8 cannot be judged: {reason}", "leave --precision out") from None
    return alone(dense, ticket, context.spec, context.metric)


def _chosen(speed: Speed) -> Iterator[Measured]:
    for row in speed.choices:
        yield Measured(batch=row.batch_size, backend=speed.kernels(row), seconds=row.p50, ratio=row.ratio)


def _in_int8(speed: Speed) -> Iterator[Measured]:
    for row in speed.rows:
        if row.backend == TICKET_IN_INT8:
            yield Measured(batch=row.batch_size, backend=SPARSE, seconds=row.p50, ratio=row.ratio)


def _said(speed: Speed) -> dict[str, Any]:
    """The verdict on the ticket in int8, which is another network than the ticket."""
    verdict = next((judgement for judgement in speed.quantized if judgement.ticket), None)
    if verdict is None:
        return {"status": None, "reason": f"nobody has judged it: {speed.unjudged or 'it was not measured'}"}
    summary = {"status": verdict.status, "reason": verdict.reason, "score": verdict.score.mean}
    return summary | ({"left in fp32": verdict.left} if verdict.left else {})


def as_judged(subject: Subject, speed: Speed, context: Context) -> Subject:
    """The subject whose ticket in int8 is the one that was timed and judged, with the same layers left in fp32."""
    left = [name for judgement in speed.quantized if judgement.ticket for name in judgement.left]
    try:
        if context.spec.benchmark.ranges == "static":
            return fixed(subject, left, context.validation(subject.replicate))
        return subject.with_scheme(Scheme(left=tuple(left)))
    except NotApplicable:
        return subject  # and `_quantized` says why


def _quantized(subject: Subject) -> Network:
    """The ticket in int8. Raises UsageError if it has nothing that int8 is for."""
    try:
        checked_network(subject.network, subject.masked, subject.inputs)
        if precision(subject.in_int8) != "float32":
            return subject.in_int8
        reason = "it has no Linear and no convolution of weights that are known"
    except NotApplicable as error:
        reason = str(error)
    raise UsageError(f"the ticket cannot be packed in int8: {reason}", "leave --precision out")


def _found(subject: Subject) -> Graph | Network:
    """A graph of convolutions, for which there is the fastest code; any operators; or else weights alone."""
    try:
        return checked(subject.graph, subject.masked)
    except NotApplicable:
        pass
    try:
        return checked_network(subject.network, subject.masked, subject.inputs)
    except NotApplicable as reason:
        print(f"weights alone are packed, for {ACCELERATE}: {reason}", file=sys.stderr)
        return lowering.weights(subject.masked, subject.masks)


def worded(graph: Graph | Network, task: Task) -> Vocabulary | Tokenizer | None:
    """The task's vocabulary, but for weights alone, which answer nothing. Raises UsageError if it does not fit."""
    if (words := vocabulary(task)) is None or (isinstance(graph, Network) and not graph.traced):
        return None
    try:
        words.matches(logits(graph))
    except ValueError as error:
        raise UsageError(f"VOCABULARY of task {task.module}: {error}", FIX) from None
    return words


def checked(traced: Graph, network: nn.Module) -> Graph:
    """The graph, if it computes what the network does. Raises NotApplicable: a wrong one would be packed for ever."""
    inputs = torch.randn(PROBES, *traced.inputs, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(inputs)
    _equal(torch.from_numpy(evaluate(traced, inputs.flatten(1).numpy())), expected)
    return traced


def checked_network(lowered: Network, network: nn.Module, inputs: Inputs) -> Network:
    """The same for any operators, on examples."""
    few = rows(inputs, slice(PROBES))
    with torch.inference_mode():
        expected = outputs(call(network, few))
    answers = operators.evaluate(lowered, [leaf.numpy() for leaf in tensors(few)])
    _equal([torch.from_numpy(leaf) for leaf in answers], expected)
    return lowered


def _equal(value: Any, expected: Any) -> None:
    try:
        compare(value, expected)
    except Unequal as reason:
        raise NotApplicable(f"traced, it computes something else: {reason}") from None


@contextmanager
def _writing(to: Path, option: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise Conflict(f"{to} is there already", f"nothing is overwritten: give another name with {option}") from None
    except OSError as error:
        raise UsageError(f"{to} cannot be written: {error.strerror}", "give a file in a folder that is there") from None


def _provenance(step: Benchmark, gate: Gate, context: Context, speed: Speed) -> dict[str, Any]:
    verdict = Verdict.model_validate_json(context.ledger.read(gate, "verdict.json"))
    return {
        "run": context.ledger.run_id,
        "level": step.level,
        "replicate": speed.replicate,
        "sparsity": speed.sparsity,
        "task": context.card.name,
        "engine": context.card.engine,
        "code": context.card.code,
        "data": context.card.data,
        "version": __version__,
        "verdict": {
            "status": verdict.status,
            "reason": verdict.reason,
            "replicates": len(verdict.replicates),
            "score": verdict.score.mean,
            "dense_score": verdict.dense_score.mean,
        },
    }
