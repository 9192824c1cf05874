"""No telemetry: the first line of this package turns that of others off, so that no back-end can forget it.

Left alone, OpenVINO asks for www.google-analytics.com and writes `~/intel`; ONNX Runtime queues events in `~/.cache`.
"""

import os
import sys


def off() -> None:
    """Before either is imported: OpenVINO then has a stub of its own, and ONNX Runtime looks at its variable."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # which makes its import an ImportError
