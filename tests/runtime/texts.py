"""Tokenizers' files of a few hundred tokens, made by the library itself."""

import json
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|end|>"


def bytewise(size: int = 270) -> bytes:
    """One of bytes and what they merge to, as GPT-2's: an emoji is four tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learner = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    made.train_from_iterator(["hello world, it is a truth that all the world is held to be so"] * 3, learner)
    return made.to_str().encode()


def wordwise(*words: str) -> bytes:
    """One whose words bring the blank before them, as Llama's."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, words[0]))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made.to_str().encode()


def edited(content: bytes, change: Callable[[Any], object]) -> bytes:
    """The file after a change."""
    change(document := json.loads(content))
    return json.dumps(document).encode()
