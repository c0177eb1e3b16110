"""The registry of base models: the policies that a run can start from, one entry each.

A base model is made by this library (`tiny_llava`, or the same behind a published vision encoder),
or published at the Hugging Face hub or in a folder. `load_save.py` and `hub.py` make and load them.
Sizes follow the published configuration, so that memory can be planned, and a step timed with
random weights, before any download.
"""

from dataclasses import dataclass, field

# linear layers of the language model, without any vision module; Idefics calls it text_model
LANGUAGE_MODEL = r".*(language|text)_model.*\.(q|k|v|o|gate|up|down)_proj"


@dataclass(frozen=True)
class BaseModel:
    """One base model. `hub` is a repository at the hub or a folder; "" is made by this library."""

    hub: str = ""
    tower: str = ""  # the vision encoder of a policy made here, at the hub or in a folder
    revision: str = "main"  # no source names one; the run's manifest has the commit
    licence: str = "Apache-2.0"
    access: str = "open"  # or the condition for a download from the hub
    pixels: tuple[int, int] | None = None  # least and most per image; None: the processor's size
    lora_targets: str = LANGUAGE_MODEL  # paper value unknown
    lora_whole: tuple[str, ...] = ()  # modules trained without adapters, beside them
    micro_batch: int = 0  # completions per device in a forward and backward pass; 0: all of a step
    activation_checkpointing: bool = False
    model_type: str = "llava"  # in transformers
    sizes: dict = field(default_factory=dict)  # differences from that type's default configuration

    @property
    def published(self) -> str:
        """What is taken from the hub or a folder: the whole policy, its tower, or "" for none."""
        return self.hub or self.tower


QWEN25_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
QWEN25_3B = {
    "text_config": {
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    },
    "vision_config": QWEN25_VISION | {"out_hidden_size": 2048},
    "tie_word_embeddings": True,
}
QWEN25_7B = {
    "text_config": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
    "vision_config": QWEN25_VISION | {"out_hidden_size": 3584},
    "tie_word_embeddings": False,
}
QWEN3_4B = {
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "out_hidden_size": 2560,
        "deepstack_visual_indexes": [5, 11, 17],
    },
    "tie_word_embeddings": True,
}
LLAVA_7B = {
    "text_config": {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32064,
    },
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
    },
    "tie_word_embeddings": False,
}
SMOLVLM_500M = {
    "text_config": {
        "model_type": "llama",
        "hidden_size": 960,
        "intermediate_size": 2560,
        "num_hidden_layers": 32,
        "num_attention_heads": 15,
        "num_key_value_heads": 5,
        "vocab_size": 49280,
    },
    "vision_config": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 512,
        "patch_size": 16,
    },
    "scale_factor": 4,
    "tie_word_embeddings": False,
}
TINY_RAD_DINO = {
    "text_config": {
        "model_type": "qwen2",
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 2048,
    },
    "vision_config": {"model_type": "dinov2", "image_size": 518, "patch_size": 14},
    "tie_word_embeddings": False,
}
# images of at most 512 x 512 pixels: 334 tokens of 28 x 28 pixels (256 of 32 x 32); paper value
# unknown. Micro-batches of 8: on one H200 with the sizes of huatuo_7b the update of a step took
# 14.4 s instead of 15.9 s with 4. Its peak, 21.1 GiB, stays below that of generation, 24.0 GiB
# (results/benchmarks/gpu_nvidia-h200.csv)
LARGE = {
    "pixels": (56 * 56, 512 * 512),
    "micro_batch": 8,
    "activation_checkpointing": True,
}

POLICIES = {
    # pretraining has not seen most of the corpus's words, so their embeddings are trained
    "tiny_llava": BaseModel(lora_whole=("embed_tokens", "lm_head")),
    # the same language model behind an encoder of chest radiographs (arXiv:2401.10815)
    "tiny_llava_rad_dino": BaseModel(
        tower="microsoft/rad-dino",
        licence="MIT (the encoder, for research)",
        lora_whole=("embed_tokens", "lm_head"),
        sizes=TINY_RAD_DINO,
    ),
    "huatuo_7b": BaseModel(  # the paper's
        "FreedomIntelligence/HuatuoGPT-Vision-7B-Qwen2.5VL",
        model_type="qwen2_5_vl",
        sizes=QWEN25_7B,
        **LARGE,
    ),
    "qwen25_vl_3b": BaseModel(
        "Qwen/Qwen2.5-VL-3B-Instruct",
        licence="Qwen Research Licence (no commercial use)",
        model_type="qwen2_5_vl",
        sizes=QWEN25_3B,
        **LARGE,
    ),
    "qwen25_vl_7b": BaseModel(
        "Qwen/Qwen2.5-VL-7B-Instruct", model_type="qwen2_5_vl", sizes=QWEN25_7B, **LARGE
    ),
    "qwen3_vl_4b": BaseModel(
        "Qwen/Qwen3-VL-4B-Instruct", model_type="qwen3_vl", sizes=QWEN3_4B, **LARGE
    ),
    # one image of 512 x 512 pixels is 64 tokens
    "smolvlm_500m": BaseModel(
        "HuggingFaceTB/SmolVLM-500M-Instruct",
        model_type="idefics3",
        sizes=SMOLVLM_500M,
        **LARGE | {"pixels": None},
    ),
    "llava_15_7b": BaseModel(
        "llava-hf/llava-1.5-7b-hf",
        licence="Llama 2 Community Licence",
        sizes=LLAVA_7B,
        **LARGE | {"pixels": None},
    ),
}


def require_known(name: str) -> BaseModel:
    """The base model of that name; ValueError lists the known ones."""
    if name not in POLICIES:
        raise ValueError(f"Unknown policy {name!r}; known policies: {', '.join(POLICIES)}.")
    return POLICIES[name]
