"""What numba compiled while the image was built, brought to where numba may write: a pod's own files are read-only.

numba compares source, version and processor before it uses any of it; where one differs it compiles again (5 s).
"""

import os
import shutil
from pathlib import Path


def unpack() -> None:
    """Copy the folder TICKETSMITH_COMPILED to NUMBA_CACHE_DIR, where both are set and the copy is not there."""
    source, target = os.environ.get("TICKETSMITH_COMPILED"), os.environ.get("NUMBA_CACHE_DIR")
    if source and target and not Path(target).exists():
        shutil.copytree(source, target)
