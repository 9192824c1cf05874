"""The dense network in int8, after training: what a user tries before any ticket. Three quantizers, each as it comes.

Ranges are taken from examples that the network is not tested on. Weights have a scale for each channel.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ticketsmith_runtime.llvm import Machine

from ..exporting import fixed, names, silent
from ..inputs import CHUNK, batches, rows
from ..subject import Subject
from . import Forward, NotApplicable, onnxruntime, openvino

if TYPE_CHECKING:
    from onnx import ModelProto

PRODUCTS = ["MatMul"]
"""What ranges are measured for within each call, Gemm among it: for Conv that takes longer than fp32."""
QUANTIZED = {"MatMulInteger", "QuantizeLinear"}


def dynamic(subject: Subject) -> Forward:
    """ONNX Runtime: products take the range of their inputs from each batch, so that its examples share one.

    Raises NotApplicable.
    """

    def quantize(given: Path, made: Path, _: int) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        narrow = {"op_types_to_quantize": PRODUCTS, "reduce_range": saturates()}
        quantize_dynamic(given, made, weight_type=QuantType.QInt8, per_channel=True, **narrow)

    return _by_onnxruntime(subject, "dynamic", quantize)


def static(subject: Subject) -> Forward:
    """ONNX Runtime: ranges are constants, and layers that follow each other stay in int8. Raises NotApplicable."""

    def quantize(given: Path, made: Path, size: int) -> None:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        narrow = {"per_channel": True, "reduce_range": saturates()}
        quantize_static(given, made, _Reader(subject, size), quant_format=QuantFormat.QDQ, **types, **narrow)

    return _by_onnxruntime(subject, "static", quantize)


def nncf(subject: Subject) -> Forward:
    """OpenVINO, by its own quantizer. Raises NotApplicable."""
    runtime = openvino.core()

    def quantize(model: bytes, size: int) -> Any:
        if not (kept := _kept(subject, "nncf")):
            kept, subject.quantized["nncf.weights"] = _by_nncf(runtime.read_model(model), subject, size)
            subject.quantized["nncf"] = kept
        return runtime.read_model(kept, subject.quantized["nncf.weights"])

    return openvino.served(subject.models.changed(quantize, _reshaped), "f32")


def _by_nncf(model: Any, subject: Subject, size: int) -> tuple[bytes, bytes]:
    """The model in int8 as OpenVINO writes it: what it is made of, and its weights. Raises NotApplicable."""
    from openvino import serialize

    ports = openvino.ports(model)
    examples = [{name: batch[name] for name in batch if name in ports} for batch in _calibration(subject, size)]
    try:
        with silent(), TemporaryDirectory() as folder:
            import nncf as library

            made = library.quantize(model, library.Dataset(examples), subset_size=len(examples))
            whole, weights = Path(folder, "model.xml"), Path(folder, "model.bin")
            serialize(made, whole, weights)
            return whole.read_bytes(), weights.read_bytes()
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None


def saturates() -> bool:
    """Tell whether sums of two products are cut off at 16 bits: on x86 without VNNI, where weights get 7 bits then."""
    machine = Machine.host()
    return machine.has("avx2") and not (machine.has("avx512vnni") or machine.has("avxvnni"))


def _by_onnxruntime(subject: Subject, name: str, quantize: Any) -> Forward:
    """Raises NotApplicable, also where nothing was quantized."""
    onnxruntime.library()

    def change(model: bytes, size: int) -> "ModelProto":
        import onnx

        if kept := _kept(subject, name):
            return onnx.load_from_string(kept)
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with TemporaryDirectory() as folder, silent():
            given, ready, made = (Path(folder, f"{name}.onnx") for name in ("given", "ready", "made"))
            given.write_bytes(model)
            quant_pre_process(given, ready, skip_symbolic_shape=True)
            quantize(ready, made, size)
            quantized = onnx.load(made)
        if not QUANTIZED & {node.op_type for node in quantized.graph.node}:
            raise NotApplicable("nothing of this network is quantized: it stays in fp32")
        subject.quantized[name] = bytes(quantized.SerializeToString())
        return quantized

    return onnxruntime.served(subject.models.changed(change, fixed))


def _kept(subject: Subject, name: str) -> bytes | None:
    """The model that was made before, by another process perhaps; none where each batch size has its own."""
    return subject.quantized.get(name) if subject.models.whole else None


class _Reader:
    """Batches of calibration, as ONNX Runtime asks for them."""

    def __init__(self, subject: Subject, size: int) -> None:
        self._batches = _calibration(subject, size)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def _calibration(subject: Subject, size: int) -> Iterator[dict[str, Any]]:
    """Arrays by the names of a model's inputs."""
    given = rows(subject.inputs, slice(CHUNK)) if subject.calibration is None else subject.calibration
    for batch in batches(given, size):
        arrays = subject.models.arrays(batch)
        yield dict(zip(names(len(arrays)), arrays, strict=True))


def _reshaped(model: Any, size: int) -> Any:
    """A copy of OpenVINO's model with its batch size as a number."""
    made = model.clone()
    made.reshape({place: [size, *list(value.partial_shape)[1:]] for place, value in enumerate(made.inputs)})
    return made
