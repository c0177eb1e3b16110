"""The laptop's policy: a LLaVA of about 3.5 million parameters with its own tokenizer.

The architecture is LLaVA's (arXiv:2304.08485: vision tower, two-layer projector, language model),
in transformers' classes. Departure: the tower has a convolutional stem (`vision_tower.py`). For
real radiographs the same language model stands behind a published encoder, which is never trained.
"""

from collections.abc import Iterable

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoImageProcessor,
    AutoModel,
    BaseImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipImageProcessorPil,
    set_seed,
)

from mrg_r1_lib.policies.hub_files import find_published
from mrg_r1_lib.policies.vision_tower import PATCH_SIZE, ConvStemVisionConfig, FrozenDinov2Config
from mrg_r1_lib.report_format import INSTRUCTION, TAGS

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL_TOKENS = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<image>")
VOCABULARY = 2048  # tokens: most words of radiology reports are one token


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of up to 2,048 tokens trained on `texts`; decoding is lossless."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(TAGS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([INSTRUCTION, *texts], trainer)
    # one token per tag, but not special, so that decoding keeps it
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
    )


def tiny_llava(
    texts: Iterable[str], image_size: int, seed: int
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A new LLaVA with random weights from `seed` and a tokenizer trained on `texts`.

    ValueError if `image_size` is no multiple of the patch size, 16 pixels.
    """
    _require_multiple("tiny_llava", image_size, PATCH_SIZE)
    images = SiglipImageProcessorPil(size={"height": image_size, "width": image_size})
    # SigLIP has no class token to leave out
    return _llava(texts, _vision_config(image_size), images, image_size, seed, "full")


def tiny_llava_rad_dino(
    texts: Iterable[str], image_size: int, seed: int
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """`tiny_llava` with a published vision encoder, RAD-DINO, as its frozen tower.

    The encoder comes from the hub or `models/tiny_llava_rad_dino` in the data folder. LLaVA reads
    its last layer before the norm, without the class token. ValueError if it is no DINOv2, or if
    `image_size` is no multiple of its patch size; FileNotFoundError if it cannot be found.
    """
    name = "tiny_llava_rad_dino"
    folder, _ = find_published(name)
    tower = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    if tower.config.model_type != "dinov2":
        raise ValueError(
            f"{name}: {folder} holds a {tower.config.model_type}, expected a dinov2, such as "
            "microsoft/rad-dino."
        )
    _require_multiple(name, image_size, tower.config.patch_size)
    images = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    images.size, images.do_center_crop = {"height": image_size, "width": image_size}, False
    named = {"model_type": FrozenDinov2Config.model_type, "architectures": None}
    vision = FrozenDinov2Config(**tower.config.to_diff_dict() | named)
    model, processor = _llava(texts, vision, images, image_size, seed, "default")
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.vision_tower.requires_grad_(False)
    return model, processor


def _require_multiple(name: str, image_size: int, patch_size: int) -> None:
    if image_size % patch_size:
        raise ValueError(
            f"{name}: image_size {image_size} is no multiple of its patch size {patch_size}."
        )


def _llava(
    texts: Iterable[str],
    vision: PreTrainedConfig,
    images: BaseImageProcessor,
    image_size: int,
    seed: int,
    strategy: str,
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A LLaVA with random weights; the strategy "default" leaves out the tower's class token."""
    tokenizer = train_tokenizer(texts)
    config = LlavaConfig(
        vision_config=vision,
        text_config=_text_config(tokenizer),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=(image_size // vision.patch_size) ** 2,
        vision_feature_layer=-1,
        vision_feature_select_strategy=strategy,
    )
    set_seed(seed)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=vision.patch_size,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=int(strategy == "default"),
        chat_template=CHAT_TEMPLATE,
    )
    return model, processor


def _vision_config(image_size: int) -> ConvStemVisionConfig:
    return ConvStemVisionConfig(
        image_size=image_size,
        patch_size=PATCH_SIZE,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        vision_use_head=False,  # LLaVA reads patches, not the pooled vector
    )


def _text_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        # the default 0.02 suits wide models; this narrow one would learn to use image tokens late
        initializer_range=192**-0.5,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
