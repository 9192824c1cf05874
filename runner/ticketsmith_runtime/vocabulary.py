"""Tokens as text: a string for each, which a package may hold. Characters need no more."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .archive import MANIFEST, BadPackage, bad
from .network import Network

WORDS, LETTERS = 1 << 16, 1 << 19
"""At most, so that a manifest is never larger than what is read of one."""


class Vocabulary:
    """Strings, all different, by the numbers of their tokens. Raises ValueError if they are none."""

    def __init__(self, words: Sequence[str]) -> None:
        if not all(isinstance(word, str) and word for word in words):
            raise ValueError("a vocabulary is a list of strings, none of them empty")
        if not 0 < len(words) <= WORDS or sum(map(len, words)) > LETTERS:
            raise ValueError(f"a vocabulary has 1 to {WORDS:,} strings of {LETTERS:,} characters together")
        "".join(words).encode()  # half a surrogate is a string of Python, and no text
        self.words, self._numbers = list(words), {word: number for number, word in enumerate(words)}
        if len(self._numbers) < len(words):
            twice = next(word for number, word in enumerate(words) if self._numbers[word] != number)
            raise ValueError(f"a vocabulary has {twice!r} twice")
        self._longest = max(map(len, words))

    def encode(self, text: str) -> list[int]:
        """Tokens of a text from left to right, the longest that fits each time. Raises ValueError if none fits."""
        tokens, place = [], 0
        while place < len(text):
            fitting = (text[place : place + size] for size in range(self._longest, 0, -1))
            word = next((part for part in fitting if part in self._numbers), None)
            if word is None:
                raise ValueError(f"{text[place]!r}, character {place} of the text, is in no token of the vocabulary")
            tokens.append(self._numbers[word])
            place += len(word)
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens."""
        return "".join(self.words[token] for token in tokens)

    def pieces(self, tokens: Iterable[int], after: Sequence[int] = ()) -> Iterator[str]:
        """The text of each token as it comes, whatever it comes after."""
        return (self.words[token] for token in tokens)

    def matches(self, outputs: Sequence[int]) -> None:
        """Raises ValueError unless there is a logit for each token in outputs of this shape, and no other."""
        if not outputs or outputs[-1] != len(self.words):
            raise ValueError(f"a vocabulary of {len(self.words)} strings does not fit outputs {list(outputs)}")


def outputs(network: Any) -> Sequence[int]:
    """The shape of what a network makes of one sequence. Raises ValueError unless it reads tokens alone."""
    if not isinstance(network, Network) or [array.type for array in network.inputs] != ["int"]:
        raise ValueError("text belongs to a network that reads tokens alone")
    return network.shapes(1)[network.outputs[0]]


def read(manifest: Mapping[str, Any], network: Any) -> Vocabulary | None:
    """The vocabulary of a package, if it has one. Raises BadPackage."""
    if "vocabulary" not in manifest:
        return None
    if not isinstance(words := manifest["vocabulary"], list):
        bad(MANIFEST, "vocabulary is no list of strings")
    try:
        vocabulary = Vocabulary(words)
        vocabulary.matches(outputs(network))
    except ValueError as error:
        raise BadPackage(f"{MANIFEST}: {error}") from None
    return vocabulary
