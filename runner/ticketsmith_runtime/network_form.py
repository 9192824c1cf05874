"""A network of any operators in a package: written from one, and checked word for word before any use."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .archive import MANIFEST, BadPackage, bad
from .manifest import entries_of, fields
from .network import Constant, Input, Network, Node
from .operators import LARGEST, OPERATORS, TYPES
from .tensors import NUMBERS, masked, unmasked

FORMAT = "ticketsmith-ticket/2"
AXES, INPUTS, MOST, LONGEST = 16, 64, 100_000, 1000
"""At most: of a value; of a network; nodes and constants; characters of a name."""


TYPES_OF_CONSTANTS: dict[str, type] = {**TYPES, "int8": np.int8}
"""Types of constants: weights in steps are none of those that a value has."""


def described(network: Network) -> dict[str, Any]:
    """`inputs`, `constants`, `nodes`, `outputs` and `single`."""
    return {
        "inputs": [{"shape": list(operand.shape), "type": operand.type} for operand in network.inputs],
        "constants": [_described(operand) for operand in network.constants],
        "nodes": [{"operator": n.operator, "reads": list(n.reads), **n.attributes} for n in network.nodes],
        "outputs": list(network.outputs),
        "single": network.single,
    }


def _described(constant: Constant) -> dict[str, Any]:
    kept = None if constant.alive is None else constant.kept
    return {"name": constant.name, "shape": list(constant.array.shape), "type": _type(constant.array), "kept": kept}


def _type(array: NDArray[Any]) -> str:
    return "int8" if array.dtype == np.int8 else {"f": "float", "i": "int", "b": "bool"}[array.dtype.kind]


def tensors(network: Network) -> dict[str, NDArray[Any]]:
    """Numbers of each constant, or the kept ones and the mask as bits."""
    arrays: dict[str, NDArray[Any]] = {}
    for n, constant in enumerate(network.constants):
        if constant.alive is None:
            arrays[f"{n}{NUMBERS}"] = np.ascontiguousarray(
                constant.array, TYPES_OF_CONSTANTS[_type(constant.array)]
            ).reshape(-1)
        else:
            arrays |= masked(str(n), constant.array, constant.alive)
    return arrays


def skeleton(manifest: Mapping[str, Any]) -> tuple[Network, dict[str, tuple[int, type]]]:
    """The network with zeros that take no memory for constants; and the sizes of its tensors, by name."""
    entries = entries_of(manifest, "constants", 0, MOST)
    network = Network(
        inputs=[Input(*_input(entry)) for entry in entries_of(manifest, "inputs", 0, INPUTS)],
        constants=[_constant(entry) for entry in entries],
        nodes=[_node(entry) for entry in entries_of(manifest, "nodes", 0, MOST)],
        outputs=[_place(output) for output in entries_of(manifest, "outputs", 0, INPUTS)],
        single=_flag(manifest.get("single")),
    )
    if network.traced is not bool(network.inputs) or (network.nodes and not network.traced):
        bad(MANIFEST, "inputs, nodes and outputs are there in part")
    try:
        for batch in (1,) if network.single else (1, 2):
            network.shapes(batch)
    except ValueError as error:
        raise BadPackage(f"{MANIFEST}: {error}") from None
    expected: dict[str, tuple[int, type]] = {}
    for n, (entry, constant) in enumerate(zip(entries, network.constants, strict=True)):
        size, kind = constant.array.size, TYPES_OF_CONSTANTS[entry["type"]]
        if entry["kept"] is None:
            expected[f"{n}{NUMBERS}"] = (size, kind)
        else:
            expected |= {f"{n}.values": (entry["kept"], kind), f"{n}.mask": (-(-size // 8), np.uint8)}
    return network, expected


def filled(empty: Network, tensors: Mapping[str, NDArray[Any]]) -> Network:
    """The network with its constants. Raises BadPackage if a mask does not fit its values."""
    constants = []
    for n, constant in enumerate(empty.constants):
        if constant.alive is None:
            constants.append(replace(constant, array=tensors[f"{n}{NUMBERS}"].reshape(constant.array.shape)))
        else:
            array, alive = unmasked(str(n), constant.array.shape, tensors)
            constants.append(replace(constant, array=array, alive=alive))
    return replace(empty, constants=constants)


def _input(entry: Any) -> tuple[tuple[int, ...], str]:
    _object(entry, {"shape", "type"}, "an input")
    return _shape(entry["shape"]), _named(entry["type"])


def _constant(entry: Any) -> Constant:
    _object(entry, {"name", "shape", "type", "kept"}, "a constant")
    shape, kind, kept = _shape(entry["shape"]), _named(entry["type"], TYPES_OF_CONSTANTS), entry["kept"]
    array: NDArray[Any] = np.broadcast_to(np.zeros((), TYPES_OF_CONSTANTS[kind]), shape)
    name = entry["name"]
    if name is not None and not (isinstance(name, str) and len(name) < LONGEST):
        bad(MANIFEST, "a constant has a name that is none")
    if kept is None:
        return Constant(array, name=name)
    if kind not in ("float", "int8") or type(kept) is not int or not 0 <= kept <= array.size:
        bad(MANIFEST, f"a constant of {array.size} numbers of {kind} keeps {kept}")
    return Constant(array, np.broadcast_to(np.False_, shape), name)


def _node(entry: Any) -> Node:
    name = entry.get("operator") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in OPERATORS:
        bad(MANIFEST, "a node has an operator that is not known")
    kinds = OPERATORS[name].attributes
    fields(entry, {"operator", "reads", *kinds}, f"a node ({name})")
    if not isinstance(entry["reads"], list):
        bad(MANIFEST, f"reads of a node ({name}) are no list")
    for attribute, kind in kinds.items():
        if not kind(entry[attribute]):
            bad(MANIFEST, f"{attribute} of a node ({name}) is not what it can be")
    attributes = {attribute: entry[attribute] for attribute in kinds}
    return Node(operator=name, reads=[_place(read) for read in entry["reads"]], attributes=attributes)


def _object(entry: Any, names: set[str], what: str) -> None:
    fields(entry if isinstance(entry, dict) else {}, names, what)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > AXES or not all(type(n) is int and 0 <= n < LARGEST for n in value):
        bad(MANIFEST, f"a shape is no list of at most {AXES} sizes")
    if math.prod(value) > LARGEST:
        bad(MANIFEST, f"a shape has more than {LARGEST:,} numbers")
    return tuple(value)


def _named(value: Any, types: Mapping[str, type] = TYPES) -> str:
    if not isinstance(value, str) or value not in types:
        bad(MANIFEST, f"a type is none of {', '.join(types)}")
    return value


def _place(value: Any) -> int:
    return value if type(value) is int else bad(MANIFEST, "a value is no whole number")


def _flag(value: Any) -> bool:
    return value if type(value) is bool else bad(MANIFEST, "single is not true or false")
