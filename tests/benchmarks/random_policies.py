"""Policies of real size with random weights, and processors made of parts: what can be timed before
anything is downloaded."""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
import transformers
from transformers import AutoModelForImageTextToText

from mrg_r1_lib.policies.load_save import Policy, create_policy, load_policy, save_policy
from mrg_r1_lib.policies.parameters import configuration
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.tiny_llava import CHAT_TEMPLATE, train_tokenizer
from mrg_r1_lib.runs.run import Run

QWEN = {  # processor and video processor by type of model
    "qwen2_5_vl": ("Qwen2_5_VLProcessor", "Qwen2VLVideoProcessor"),
    "qwen3_vl": ("Qwen3VLProcessor", "Qwen3VLVideoProcessor"),
}
QWEN_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|video_pad|>")


def random_policy(run: Run, texts: Sequence[str], dtype: torch.dtype) -> Policy:
    """The run's policy with random weights.

    One made here, or trained whole, is saved in the run's folder and loaded back, since TRL loads
    the reference from there. A published one under LoRA is made on the device, in `dtype`, and
    never saved: its reference is itself.
    """
    name, size, folder = run.settings.policy, run.settings, run.private / "policy"
    if POLICIES[name].hub:
        policy = random_published(name, texts, size.image_size, dtype)
        if size.lora:
            return policy
    else:
        policy = create_policy(name, texts, size.image_size, seed=0)
    save_policy(*policy, folder)
    return load_policy(folder)


def random_published(
    name: str, texts: Sequence[str], image_size: int, dtype: torch.dtype
) -> Policy:
    """A published architecture with random weights and a processor made of parts, with a tokenizer
    trained on `texts`."""
    settings = configuration(name, image_size)
    tokenizer = train_tokenizer(texts)
    if settings.model_type in QWEN:
        tokenizer.add_tokens(list(QWEN_TOKENS), special_tokens=True)
        processor = qwen_processor(name, settings, tokenizer)
        for token in QWEN_TOKENS:
            identity = f"{token.strip('<|>').removesuffix('_pad')}_token_id"
            setattr(settings, identity, tokenizer.convert_tokens_to_ids(token))
    elif settings.model_type in PROCESSORS:
        processor = PROCESSORS[settings.model_type](settings, tokenizer)
    else:
        raise ValueError(
            f"{name}: no processor for {settings.model_type!r}; expected one of "
            f"{', '.join([*PROCESSORS, *QWEN])}."
        )
    settings.image_token_id = tokenizer.image_token_id
    ends = {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    settings.get_text_config().update(ends)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForImageTextToText.from_config(settings, dtype=dtype)
    model.generation_config.update(**ends)
    return model, processor


def llava_processor(settings, tokenizer) -> transformers.LlavaProcessor:
    """Images scaled to the tower's size; CLIP's class token is left out."""
    vision = settings.vision_config
    square = {"height": vision.image_size, "width": vision.image_size}
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": vision.image_size}, crop_size=square
    )
    chosen = {
        "vision_feature_select_strategy": settings.vision_feature_select_strategy,
        "num_additional_image_tokens": 1,
    }
    return transformers.LlavaProcessor(
        images, tokenizer, patch_size=vision.patch_size, chat_template=CHAT_TEMPLATE, **chosen
    )


def idefics3_processor(settings, tokenizer) -> transformers.Idefics3Processor:
    """Images scaled to the tower's size and not divided."""
    vision = settings.vision_config
    side = {"longest_edge": vision.image_size}
    images = transformers.Idefics3ImageProcessorPil(
        size=side, max_image_size=side, do_image_splitting=False
    )
    tokens = (vision.image_size // vision.patch_size // settings.scale_factor) ** 2
    return transformers.Idefics3Processor(
        images, tokenizer, image_seq_len=tokens, chat_template=CHAT_TEMPLATE
    )


PROCESSORS = {"llava": llava_processor, "idefics3": idefics3_processor}


def qwen_processor(name: str, settings, tokenizer) -> transformers.ProcessorMixin:
    """Images scaled to the pixels that the registry allows; RuntimeError without torchvision, which
    videos are read with."""
    if not find_spec("torchvision"):
        raise RuntimeError(
            f"{name} needs torchvision: transformers builds the video processor of "
            f"{settings.model_type} from it. Install the build that belongs to torch "
            f"{torch.__version__} (pip install torchvision), or time llava_15_7b."
        )
    processor, videos = (getattr(transformers, part) for part in QWEN[settings.model_type])
    vision = settings.vision_config
    patches = {"patch_size": vision.patch_size, "temporal_patch_size": vision.temporal_patch_size}
    patches["merge_size"] = vision.spatial_merge_size
    images = transformers.Qwen2VLImageProcessorPil(**patches)
    if pixels := POLICIES[name].pixels:
        images.size = {"shortest_edge": pixels[0], "longest_edge": pixels[1]}
    template = CHAT_TEMPLATE.replace("<image>", "<|vision_start|><image><|vision_end|>")
    return processor(images, tokenizer, videos(**patches), chat_template=template)
