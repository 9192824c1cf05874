"""Files that may travel through a store: names that stay below a folder, and nothing that looks like a secret.

The patterns are those that the services publish for their own keys: AWS (AKIA, ASIA), Google (AIza), GitHub (ghp_ and
its kin), Hugging Face (hf_), Slack (xox); and the header of a private key (RFC 7468).
"""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

SECRET_NAMES = (
    ".env", ".env.*", "*.env", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials", ".htpasswd",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.ppk", "*.p12", "*.pfx", "*.jks",
    "*.keystore", "*.kdbx", "credentials", "credentials.*", "client_secret*.json", "service-account*.json",
    "service_account*.json", "gha-creds-*.json", "application_default_credentials.json", "kubeconfig", "kubeconfig.*",
    "secrets.json", "secrets.toml", "secrets.y*ml", "kaggle.json",
)  # fmt: skip
"""Names of files, in lower case."""

SECRET_FOLDERS = (".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".git", "gcloud")

SECRET_CONTENTS = (
    ("the header of a private key", rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    ("an AWS key", rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a Google API key", rb"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    ("a GitHub token", rb"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,})"),
    ("a Hugging Face token", rb"\bhf_[0-9A-Za-z]{34,}"),
    ("a Slack token", rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
)

SHOWN = 10


def below(name: str) -> bool:
    r"""True if a name with `/` stays below the folder that it is read in, on every system.

    >>> [below(name) for name in ("a/b.py", "/a", "a/../b", "a//b", r"a\b", "", "a/", "c:/a", "a\n")]
    [True, False, False, False, False, False, False, False, False]
    """
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and not re.match(r"[A-Za-z]:", name)
    return plain and not {"", ".", ".."} & set(parts) and max(map(_length, parts)) <= 255 and _length(name) <= 800


def secret_name(name: str) -> bool:
    """True if a file of this name should stay where it is.

    >>> [secret_name(name) for name in ("conf/.env", "id_rsa", "TLS.PEM", ".ssh/config", "secrets.py", "keys.txt")]
    [True, True, True, True, False, False]
    """
    path = PurePosixPath(name.lower())
    return any(fnmatchcase(path.name, pattern) for pattern in SECRET_NAMES) or bool(
        set(SECRET_FOLDERS) & set(path.parts[:-1])
    )


def secrets(data: bytes) -> Iterator[tuple[int, str]]:
    """Line and kind of what looks like a secret in a file; never the secret itself.

    >>> list(secrets(b"a = 1\\nkey = 'AKIA" + b"ABCDEFGH" * 2 + b"'\\n"))
    [(2, 'an AWS key')]
    """
    for kind, pattern in SECRET_CONTENTS:
        for match in re.finditer(pattern, data):
            yield data.count(b"\n", 0, match.start()) + 1, kind


def listed(problems: Iterable[str]) -> str:
    """The problems as lines of a message, ten of them at most."""
    lines = list(problems)
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "".join(f"\n  - {line}" for line in lines[:SHOWN] + more)


def size(count: int) -> str:
    """Bytes for a reader.

    >>> size(900), size(8 << 20), size(3 << 30)
    ('900 bytes', '8.0 MiB', '3.0 GiB')
    """
    if count < 1 << 20:
        return f"{count:,} bytes"
    return f"{count / (1 << 20):,.1f} MiB" if count < 1 << 30 else f"{count / (1 << 30):,.1f} GiB"


def _length(name: str) -> int:
    return len(name.encode(errors="replace"))
