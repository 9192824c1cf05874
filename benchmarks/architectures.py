"""Architectures of transformers and diffusers in small, with random weights: two layers each, three samples of inputs.

    python benchmarks/architectures.py

Nothing to run here: `benchmarks/torchvision_networks.py --suite hf` traces them. Configurations are as the libraries
make them but for their sizes, without a cache of keys and values.
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Built = tuple[nn.Module, dict[str, Tensor]]
TOKENS, LENGTH, SAMPLES = 500, 16, 3
WIDE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}


def _tokens() -> dict[str, Tensor]:
    return {"input_ids": torch.randint(0, TOKENS, (SAMPLES, LENGTH))}


def _decoder(kind: str, **sizes: Any) -> Callable[[], Built]:
    return lambda: (_of(f"{kind}ForCausalLM", f"{kind}Config", vocab_size=TOKENS, use_cache=False, **sizes), _tokens())


def _encoder(network: str, config: str, **sizes: Any) -> Callable[[], Built]:
    seen = {"attention_mask": torch.ones(SAMPLES, LENGTH, dtype=torch.long)}
    return lambda: (_of(network, config, vocab_size=TOKENS, **sizes), {**_tokens(), **seen})


def _images(network: str, config: str, side: int = 32, **sizes: Any) -> Callable[[], Built]:
    return lambda: (_of(network, config, **sizes), {"pixel_values": torch.randn(SAMPLES, 3, side, side)})


def _of(network: str, config: str, **sizes: Any) -> nn.Module:
    import transformers

    made: nn.Module = getattr(transformers, network)(getattr(transformers, config)(**sizes))
    return made.eval()


def _audio() -> Built:
    conv = {"conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    return _of("Wav2Vec2ForCTC", "Wav2Vec2Config", vocab_size=32, **WIDE, **conv), {
        "input_values": torch.randn(SAMPLES, 8000)
    }


def _whisper() -> Built:
    sizes = {
        f"{side}_{what}": n
        for side in ("encoder", "decoder")
        for what, n in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 128))
    }
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    whole: Any = _of("WhisperModel", "WhisperConfig", d_model=64, vocab_size=TOKENS, **sizes, **ends)
    return whole.encoder, {"input_features": torch.randn(SAMPLES, 80, 3000)}


def _denoiser() -> Built:
    import diffusers

    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    made = diffusers.UNet2DModel(
        sample_size=32, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, **blocks
    )
    return made.eval(), {"sample": torch.randn(SAMPLES, 3, 32, 32), "timestep": torch.tensor([10, 20, 30])}


def _conditional() -> Built:
    import diffusers

    blocks = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    sizes = {"sample_size": 16, "block_out_channels": (32, 64), "layers_per_block": 1, "norm_num_groups": 8}
    made = diffusers.UNet2DConditionModel(cross_attention_dim=32, attention_head_dim=8, **sizes, **blocks)
    given = {"sample": torch.randn(SAMPLES, 4, 16, 16), "timestep": torch.tensor([10, 20, 30])}
    return made.eval(), given | {"encoder_hidden_states": torch.randn(SAMPLES, 7, 32)}


def _transformer() -> Built:
    import diffusers

    sizes = {"num_attention_heads": 4, "attention_head_dim": 16, "num_layers": 2, "sample_size": 8}
    made = diffusers.DiTTransformer2DModel(in_channels=4, out_channels=8, num_embeds_ada_norm=10, **sizes)
    given = {"timestep": torch.tensor([10, 20, 30]), "class_labels": torch.tensor([1, 2, 3])}
    return made.eval(), {"hidden_states": torch.randn(SAMPLES, 4, 8, 8), **given}


class _Decoded(nn.Module):
    """The half of an autoencoder that makes images."""

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, z: Tensor) -> Tensor:
        sample: Tensor = self.whole.decode(z).sample
        return sample


def _autoencoder() -> Built:
    import diffusers

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    made = diffusers.AutoencoderKL(block_out_channels=(32, 64), norm_num_groups=8, sample_size=32, **blocks)
    return _Decoded(made).eval(), {"z": torch.randn(SAMPLES, 4, 16, 16)}


GROUPED = {**WIDE, "num_key_value_heads": 2}
PIXELS = {**WIDE, "image_size": 32, "patch_size": 8}
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
ALL: dict[str, Callable[[], Built]] = {
    "gpt2": lambda: (
        _of("GPT2LMHeadModel", "GPT2Config", n_layer=2, n_embd=64, n_head=4, vocab_size=TOKENS, use_cache=False),
        _tokens(),
    ),
    "llama": _decoder("Llama", **GROUPED),
    "qwen3": _decoder("Qwen3", **GROUPED, head_dim=16),
    "mistral": _decoder("Mistral", **GROUPED),
    "gemma2": _decoder("Gemma2", **GROUPED, head_dim=16),
    "phi": _decoder("Phi", **WIDE),
    "opt": lambda: (
        _of(
            "OPTForCausalLM",
            "OPTConfig",
            vocab_size=TOKENS,
            use_cache=False,
            hidden_size=64,
            word_embed_proj_dim=64,
            ffn_dim=128,
            num_hidden_layers=2,
            num_attention_heads=4,
        ),
        _tokens(),
    ),
    "gpt-neox": _decoder("GPTNeoX", **WIDE),
    "mamba": _decoder("Mamba", hidden_size=64, num_hidden_layers=2),
    "bert": _encoder("BertForSequenceClassification", "BertConfig", **WIDE),
    "distilbert": _encoder(
        "DistilBertForSequenceClassification", "DistilBertConfig", dim=64, hidden_dim=128, n_heads=4, n_layers=2
    ),
    "roberta": _encoder("RobertaForSequenceClassification", "RobertaConfig", **WIDE, pad_token_id=1),
    "deberta-v2": _encoder("DebertaV2ForSequenceClassification", "DebertaV2Config", **WIDE, **RELATIVE),
    "t5-encoder": lambda: (
        _of("T5EncoderModel", "T5Config", d_model=64, d_ff=128, num_layers=2, num_heads=4, d_kv=16, vocab_size=TOKENS),
        _tokens(),
    ),
    "vit": _images("ViTForImageClassification", "ViTConfig", **PIXELS),
    "clip-vision": _images("CLIPVisionModel", "CLIPVisionConfig", **PIXELS),
    "dinov2": _images(
        "Dinov2Model",
        "Dinov2Config",
        28,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=28,
        patch_size=14,
    ),
    "wav2vec2": _audio,
    "whisper-encoder": _whisper,
    "segformer": _images(
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        64,
        hidden_sizes=[16, 32, 40, 64],
        decoder_hidden_size=32,
    ),
    "yolos": _images(
        "YolosForObjectDetection",
        "YolosConfig",
        64,
        **WIDE,
        image_size=[64, 64],
        patch_size=16,
        num_detection_tokens=10,
    ),
    "unet2d": _denoiser,
    "unet2d-condition": _conditional,
    "dit": _transformer,
    "vae-decoder": _autoencoder,
}
"""What makes a network and its inputs, by name."""

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
