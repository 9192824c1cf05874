"""Two of four weights on a GPU that skips the other two (compute capability 8.0 on), fp16. On request.

For tickets of the granularity two-of-four. A layer of another form, or of a shape that is refused, stays dense.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.sparse import to_sparse_semi_structured

from ..subject import Subject
from . import Forward, Kind, NotApplicable
from .cuda import needed, replayed

KIND = Kind(precision="float16", asked=True)
LEAST = (8, 0)  # compute capability


def build(subject: Subject) -> Forward:
    """The ticket, the weights of its Linears as semi-structured ones where they can be. Raises NotApplicable."""
    needed()
    if (major_minor := torch.cuda.get_device_capability()) < LEAST:
        raise NotApplicable("this GPU has compute capability {}.{}, 8.0 is the least".format(*major_minor))
    own = deepcopy(subject.masked).to("cuda", torch.float16)
    made = {name: _halved(own.get_parameter(name)) for name, mask in subject.masks.items() if fits(mask)}
    if not (halved := {name: weight for name, weight in made.items() if weight is not None}):
        raise NotApplicable("no layer has at most two of four neighbouring weights and a shape for tensor cores")
    for name, weight in halved.items():
        own.get_submodule(name.rpartition(".")[0]).weight = nn.Parameter(weight, requires_grad=False)
    return replayed(own, torch.float16)


def _halved(weight: Tensor) -> Tensor | None:
    """None if the shape is no multiple of what the library asks for."""
    try:
        made: Tensor = to_sparse_semi_structured(weight)
    except (RuntimeError, ValueError):
        return None
    return made


def fits(mask: Tensor) -> bool:
    """Has each group of four inputs of each unit of a Linear at most two weights?

    >>> fits(torch.tensor([[True, False, True, False]])), fits(torch.tensor([[True, True, True, False]]))
    (True, False)
    """
    if mask.dim() != 2 or mask.shape[1] % 4:
        return False
    return bool((mask.reshape(len(mask), -1, 4).sum(2) <= 2).all())
