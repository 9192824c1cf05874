"""The dense network by torch.compile: an opponent on request, since to compile it takes longer than all the rest."""

from shutil import which

import torch

from ..inputs import caller
from ..subject import Subject
from . import Forward, Kind, NotApplicable

KIND = Kind(dense=True, asked=True)


def build(subject: Subject) -> Forward:
    """Raises NotApplicable where there is no compiler for what torch generates."""
    if not any(map(which, ("c++", "g++", "clang++"))):
        raise NotApplicable("torch.compile needs a C++ compiler, and none is on the PATH")
    return Forward(caller(torch.compile(subject.dense), subject.inputs))
