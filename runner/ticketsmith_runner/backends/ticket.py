"""The ticket runtime's programs as back-ends, on as many threads as torch is set to."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ticketsmith_runtime import batches, samples
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.graph import Graph, Unsuited
from ticketsmith_runtime.int8.chain import chained, links
from ticketsmith_runtime.int8.instructions import best
from ticketsmith_runtime.int8.quantization import precision
from ticketsmith_runtime.kernels._isa import Isa, widest
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import Network
from ticketsmith_runtime.network_model import Answer
from ticketsmith_runtime.program import Program
from ticketsmith_runtime.shares import Shared

from ..inputs import Inputs, floats, tensors
from ..subject import Subject
from . import Forward, NotApplicable


def tiled(traced: Graph, kernel: str | Sequence[str]) -> Forward:
    """For batches: every Linear with a kernel, or each with its own. Convolutions are code. Raises NotApplicable."""
    return _forward(lambda: batches.planar(traced, kernel, instructions(), Machine.host()))


def single(traced: Graph, kernel: str) -> Forward:
    """One sample at a time. Raises NotApplicable."""

    def made() -> Program:
        one_by_one(traced, kernel)
        return samples.flat(traced, Machine.host(), kernel)

    return _forward(made)


def one_by_one(traced: Graph, kernel: str) -> None:
    """Raises NotApplicable, or Unsuited, if a kernel for one sample is not for this machine, or not for the network."""
    isa, own = instructions(), samples.SINGLES[kernel].isa
    if own.lanes < isa.lanes:
        raise NotApplicable(f"{Machine.host().cpu} has {isa.title}, whose kernel for one sample is faster")
    samples.suits(traced, Machine.host(), kernel)


def operators(subject: Subject) -> Forward:
    """For any network that is no chain of convolutions, for which there is better code. Raises NotApplicable."""
    foreign(subject)
    instructions()
    return _listed(Execution(subject.network, Machine.host()))


def in_int8(subject: Subject) -> Forward:
    """Weights of 8 bits, inputs of 7, for any network. Raises NotApplicable."""
    network = suited(subject.in_int8, subject.scheme.left)
    try:
        linears = links(network)
    except Unsuited:
        return _listed(Execution(network, Machine.host()))
    return _forward(lambda: chained(linears, Machine.host()))


def dense_in_int8(subject: Subject) -> Forward:
    """The dense network in the same 8 and 7 bits, as it makes tokens. Raises NotApplicable."""
    return _listed(Execution(suited(subject.dense_in_int8), Machine.host()))


def suited(network: Network, left: Collection[str] = ()) -> Network:
    """The network. Raises NotApplicable where nothing of it is in int8, or the machine has no instructions for it."""
    if best(Machine.host()) is None:
        raise NotApplicable(f"{Machine.host().cpu} has no AVX2")
    if precision(network) == "float32":
        whole = "every layer is left in fp32: in int8 the ticket loses too much on the validation split"
        raise NotApplicable(whole if left else "it has no Linear and no convolution that int8 is for")
    return network


def foreign(subject: Subject) -> None:
    """Raises NotApplicable if the network is one for which there is better code than operator by operator."""
    try:
        _ = subject.graph
    except NotApplicable:
        return
    raise NotApplicable("its layers are a graph of convolutions: codegen and others are for that")


def instructions() -> Isa:
    """The widest instruction set here that code is written for. Raises NotApplicable."""
    if (isa := widest(Machine.host())) is None:
        raise NotApplicable(f"{Machine.host().cpu} has neither AVX-512 nor AVX2")
    return isa


def flat(inputs: Inputs) -> NDArray[np.float32]:
    """A batch as the ticket runtime takes it, (B, features)."""
    array: NDArray[np.float32] = floats(inputs).flatten(1).numpy()
    return array


def _listed(answer: Answer) -> Forward:
    """Samples are shared out among threads."""
    threads = torch.get_num_threads()
    threadpool_limits(threads, user_api="blas")  # numpy would take every core for what has no mask
    run = Shared(answer, threads, tile=1) if threads > 1 else answer
    return Forward(lambda arrays: run(*arrays), lambda inputs: [tensor.numpy() for tensor in tensors(inputs)])


def _forward(make: Callable[[], Program]) -> Forward:
    threads = torch.get_num_threads()
    try:
        made = make()
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None
    return Forward(Shared(made, threads) if threads > 1 else made, flat)
