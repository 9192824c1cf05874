"""Tokens as text by a tokenizer's file, which a package may hold instead of a vocabulary.

The library that reads it is imported for such a package alone. https://huggingface.co/docs/tokenizers
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from .archive import MANIFEST, TOKENIZER, BadPackage, Folder, Zip, bad
from .manifest import fields, mapping, whole
from .vocabulary import outputs

if TYPE_CHECKING:
    import tokenizers

LARGEST = 1 << 26
"""Bytes. A vocabulary of 262,144 tokens takes half of it."""
HALF = "\N{REPLACEMENT CHARACTER}"
"""The text of bytes that are no character yet."""
LIBRARY, INSTALL = "tokenizers", "`pip install 'ticketsmith[tokens]'`"
UNTRIED = f"its tokenizer was not tried, as the library {LIBRARY} is not installed: {INSTALL}"


class Tokenizer:
    """The content of a file. Raises ValueError if the library cannot read it; where there is none, nobody tries."""

    def __init__(self, content: bytes) -> None:
        if len(content) > LARGEST:
            raise ValueError(f"a tokenizer's file has {LARGEST:,} bytes at most, not {len(content):,}")
        self.content, self._read = content, _read(content.decode())

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is the file, read anew."""
        return type(self), (self.content,)

    @property
    def untried(self) -> bool:
        return self._read is None

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, and those that the file puts around each. Raises ValueError if there are none for it."""
        text.encode()  # half a surrogate is a string of Python, and no text
        with _told("cannot take that text"):
            return list(self._library.encode(text).ids)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens, special ones too. A number that is no token, as heads may have to spare, has none."""
        with _told("cannot give the text of a token"):
            return self._library.decode(list(tokens), skip_special_tokens=False)

    def pieces(self, tokens: Iterable[int], after: Sequence[int] = ()) -> Iterator[str]:
        """Text as it becomes whole, since a character may take several tokens: what comes after other tokens."""
        held = list(after)
        shown, old = self.decode(held), len(held)
        for token in tokens:
            held.append(token)
            text = self.decode(held)
            if len(text) > len(shown) and not text.endswith(HALF):
                yield text[len(shown) :]
                held = held[old:]  # a blank before a word can depend on the token before it
                shown, old = self.decode(held), len(held)
        if rest := self.decode(held)[len(shown) :]:
            yield rest

    def matches(self, outputs: Sequence[int]) -> None:
        """Raises ValueError unless there is a logit for each token in outputs of this shape; there may be more."""
        with _told("cannot be used"):
            tokens = {*self._library.get_vocab().values(), *self._library.encode("").ids}
        if not tokens:
            raise ValueError("a tokenizer without a token")
        if not outputs or max(tokens) >= outputs[-1]:
            raise ValueError(f"a tokenizer with a token {max(tokens)} does not fit outputs {list(outputs)}")

    @property
    def _library(self) -> "tokenizers.Tokenizer":
        if self._read is None:
            raise ModuleNotFoundError(f"text needs the library {LIBRARY}, which is not installed", name=LIBRARY)
        return self._read


def described(tokenizer: Tokenizer) -> dict[str, Any]:
    """The words of a manifest about it."""
    return {"bytes": len(tokenizer.content), "digest": sha256(tokenizer.content).hexdigest()}


def read(manifest: Mapping[str, Any], source: Folder | Zip, network: Any) -> Tokenizer | None:
    """The tokenizer of a package, if it has one. Raises BadPackage."""
    if "tokenizer" not in manifest:
        return None
    entry = mapping(manifest, "tokenizer")
    fields(entry, {"bytes", "digest"}, "the tokenizer")
    if "vocabulary" in manifest:
        bad(MANIFEST, "has a vocabulary and a tokenizer")
    content = source.read(TOKENIZER, min(whole(entry, "bytes", 1), LARGEST))
    if sha256(content).hexdigest() != entry["digest"]:
        bad(TOKENIZER, "has another digest than in the manifest")
    try:
        shape, tokenizer = outputs(network), Tokenizer(content)
        if not tokenizer.untried:
            tokenizer.matches(shape)
    except ValueError as error:
        raise BadPackage(f"{TOKENIZER}: {error}") from None
    return tokenizer


def _read(text: str) -> "tokenizers.Tokenizer | None":
    """The library's, which cuts, fills and draws nothing; None where it is not installed."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        return None
    with _told("cannot be read"):
        tokenizer = tokenizers.Tokenizer.from_str(text)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        for chance in ("dropout", "alpha"):
            if hasattr(tokenizer.model, chance):
                setattr(tokenizer.model, chance, None)
    return tokenizer


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Raises ValueError for whatever the library finds wrong: where it panics, that is no Exception."""
    try:
        yield
    except (ImportError, KeyboardInterrupt, MemoryError, SystemExit):
        raise
    except BaseException as error:
        raise ValueError(f"the tokenizer {what}: {str(error)[:200]}") from None
