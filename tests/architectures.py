"""Tiny policies of the published architectures, and every stage of a study on one of them, in a
process of its own:

`python tests/architectures.py NAME RESULTS lora|fp16|whole [TORCHVISION]`

NAME is one of `TINY`; `fp16` is LoRA as on a GPU without bfloat16. `seen.json` in the folder RESULTS
is what `test_architectures.py` looks at.
TORCHVISION is a folder that holds torchvision alone (`benchmarks/cpu_torchvision.py`).
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__" and sys.argv[4:]:
    sys.path[:0] = [sys.argv[4], str(Path(__file__).parent / "benchmarks")]
    import cpu_torchvision  # noqa: F401 (before transformers)

import torch
import transformers
from conftest import few_steps, with_changes
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_hook
from transformers import PreTrainedModel

from mrg_r1_lib import scales
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.completions import write_completions
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import load_policy, policy_digest
from mrg_r1_lib.policies.registry import POLICIES, BaseModel
from mrg_r1_lib.policies.tiny_llava import train_tokenizer
from mrg_r1_lib.report_format import INSTRUCTION
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training import pretrain, sft, srl

REPORTS = [
    "The heart is normal in size. The lungs are clear.",
    "No pleural effusion or pneumothorax.",
] * 20
QWEN = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
PARTS = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    + PARTS.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    + "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    + PARTS.replace("IMAGE", "<image>\n")
    + "{% if message['role'] == 'assistant' %}</s>{% endif %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
VISION = {"hidden_size": 32, "intermediate_size": 64}
QWEN_VISION = VISION | {"depth": 2, "num_heads": 2, "out_hidden_size": 64}

# configuration, processor, and what its generation_config.json says beside the tokens that end a
# completion
Published = tuple[transformers.PreTrainedConfig, transformers.ProcessorMixin, dict]


def tokenizer_of(
    pad: str, eos: str, others: tuple[str, ...]
) -> transformers.PreTrainedTokenizerFast:
    """A tokenizer of made-up reports whose special tokens are an architecture's."""
    trained = train_tokenizer(REPORTS).backend_tokenizer
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained, pad_token=pad, eos_token=eos, extra_special_tokens=list(others)
    )


def tiny_qwen(
    model_type: str, text: dict, vision: dict, patch: int, videos: str, generation: dict
) -> Published:
    """A Qwen: special tokens whose ids stand in its configuration, and more rows of weights than it
    has tokens."""
    tokenizer = tokenizer_of("<|endoftext|>", "<|im_end|>", QWEN)
    named = {
        "vision_start": "vision_start",
        "vision_end": "vision_end",
        "image": "image_pad",
        "video": "video_pad",
    }
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in named.items()
    }
    ends = {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    sizes = {
        "text_config": TEXT | text | ends | {"vocab_size": len(tokenizer) + 7},
        "vision_config": QWEN_VISION | vision,
    }
    config = transformers.AutoConfig.for_model(model_type, **sizes, **ids)
    images = transformers.Qwen2VLImageProcessor(patch_size=patch)
    video = getattr(transformers, videos)(patch_size=patch)
    processor = {
        "qwen2_5_vl": transformers.Qwen2_5_VLProcessor,
        "qwen3_vl": transformers.Qwen3VLProcessor,
    }[model_type]
    generation = generation | {"eos_token_id": [tokenizer.eos_token_id, tokenizer.pad_token_id]}
    return config, processor(images, tokenizer, video, chat_template=QWEN_TEMPLATE), generation


def tiny_qwen25() -> Published:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    published = {
        "do_sample": True,
        "temperature": 1e-6,
        "repetition_penalty": 2.0,
    }  # published: 1.05, too little to show here
    vision = {"fullatt_block_indexes": [1]}
    return tiny_qwen(
        "qwen2_5_vl", {"rope_parameters": rope}, vision, 14, "Qwen2VLVideoProcessor", published
    )


def tiny_qwen3() -> Published:
    rope = {
        "rope_type": "default",
        "rope_theta": 5e6,
        "mrope_section": [4, 2, 2],
        "mrope_interleaved": True,
    }
    published = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    text = {"rope_parameters": rope, "head_dim": 16}
    vision = {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
    return tiny_qwen("qwen3_vl", text, vision, 16, "Qwen3VLVideoProcessor", published)


def tiny_llava_clip() -> Published:
    """LLaVA 1.5: the tower is a CLIP, which has a class token, and is read one layer before its
    last."""
    tokenizer = tokenizer_of("<pad>", "</s>", ("<image>",))
    vision = VISION | {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
    }
    config = transformers.LlavaConfig(
        text_config=TEXT
        | {
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config=vision | {"model_type": "clip_vision_model"},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",  # without the class token
    )
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
    )
    counted = {
        "patch_size": 14,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }
    return (
        config,
        transformers.LlavaProcessor(images, tokenizer, chat_template=LLAVA_TEMPLATE, **counted),
        {},
    )


def tiny_idefics3() -> Published:
    """SmolVLM: the tower is `vision_model`, the language model `text_model`; an image is shown in
    parts unless told otherwise."""
    others = ("<image>", "<fake_token_around_image>", "<global-img>")
    tokenizer = tokenizer_of("<pad>", "<end_of_utterance>", others)
    vision = VISION | {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    ends = {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    config = transformers.Idefics3Config(
        text_config=TEXT | ends | {"model_type": "llama", "vocab_size": len(tokenizer) + 7},
        vision_config=vision,
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.Idefics3ImageProcessorPil(
        size={"longest_edge": 256}, max_image_size={"longest_edge": 64}
    )
    template = transformers.models.smolvlm.processing_smolvlm.DEFAULT_CHAT_TEMPLATE
    processor = transformers.Idefics3Processor(
        images, tokenizer, image_seq_len=4, chat_template=template
    )
    return config, processor, {}


def publish(make: Callable[[], Published], folder: Path, dtype: torch.dtype) -> None:
    """Save a tiny model with random weights and its processor as if they had been downloaded."""
    config, processor, generation = make()
    transformers.set_seed(0)
    model = transformers.AutoModelForImageTextToText.from_config(config, dtype=dtype)
    ends = {
        "eos_token_id": processor.tokenizer.eos_token_id,
        "pad_token_id": processor.tokenizer.pad_token_id,
    }
    model.generation_config = transformers.GenerationConfig(**ends | generation)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


PIXELS = (32 * 32, 64 * 64)  # far less than the processors' own: 4 tokens an image
TINY = {
    "qwen25": (tiny_qwen25, {"model_type": "qwen2_5_vl", "pixels": PIXELS}),
    "qwen3": (tiny_qwen3, {"model_type": "qwen3_vl", "pixels": PIXELS}),
    "llava_clip": (tiny_llava_clip, {"model_type": "llava"}),
    "idefics3": (tiny_idefics3, {"model_type": "idefics3"}),
}


def rewards_that_differ(run: Run, labels) -> list:
    """The run's reward functions, the clinical one replaced: new weights write no report, and all
    earned the same by it."""

    def letters(completions, **_) -> list[float]:
        return [completion[0]["content"].count("e") / 4 for completion in completions]

    return [letters, *reward_functions(run, labels)[1:]]


reward_functions = srl.reward_functions


def look(folder: Path, grey: int, size: int) -> tuple[int, torch.Tensor]:
    """How many tokens an image of one grey becomes, and the logits of the first word about it."""
    model, processor = load_policy(folder)
    content = [
        {"type": "image", "image": Image.new("RGB", (size, size), (grey,) * 3)},
        {"type": "text", "text": INSTRUCTION},
    ]
    asked = {
        "tokenize": True,
        "return_dict": True,
        "return_tensors": "pt",
        "add_generation_prompt": True,
    }
    inputs = processor.apply_chat_template([{"role": "user", "content": content}], **asked)
    with torch.inference_mode():
        return int((inputs["input_ids"] == model.config.image_token_id).sum()), model(
            **inputs
        ).logits[0, -1]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a policy, under the names of its whole model; adapters are merged into it, in
    float32."""
    if not (folder / "adapter_config.json").exists():
        return load_file(folder / "model.safetensors")
    model = load_policy(folder, torch.float32)[0].merge_and_unload()
    with TemporaryDirectory() as merged:
        model.save_pretrained(merged)
        return load_file(Path(merged) / "model.safetensors")


def changed(before: Path, after: Path) -> list[str]:
    """The names of the tensors that differ between two policies."""
    old, new = (
        {name: weight.float() for name, weight in tensors(folder).items()}
        for folder in (before, after)
    )
    return [
        name
        for name in old.keys() | new.keys()
        if name not in old or name not in new or not old[name].equal(new[name])
    ]


def register(name: str, published: Path, adapters: bool) -> None:
    """Make the tiny policy, and it and a few steps of everything what the smoke scale says."""
    make, described = TINY[name]
    # as they are published; trained whole, most weights of that precision would not feel a small
    # step
    publish(make, published, torch.bfloat16 if adapters else torch.float32)
    POLICIES["tiny"] = BaseModel(
        str(published), micro_batch=4, activation_checkpointing=True, **described
    )
    scale = few_steps(
        policy="tiny", lora=adapters, image_size=96, studies={"train": 12, "validate": 2, "test": 3}
    )
    scales.SCALES["smoke"] = with_changes(
        scale,
        max_completion_length=16,
        pretrain={"threads": 1},
        sft={"epochs": 2, "evaluations": 2, "batch_size": 4, "phantoms": 0, "threads": 1},
        srl={"steps": 4, "evaluations": 1, "threads": 1},
    )


def watch_towers() -> list[bool]:
    """Whether the output of a vision tower asked for gradients, each time that one ran."""
    asked = []

    def note(module, _, answer) -> None:
        if isinstance(module, PreTrainedModel) and "Vision" in type(module).__name__:
            asked.append(answer.last_hidden_state.requires_grad)

    register_module_forward_hook(note)
    return asked


def see(run: Run) -> dict:
    """What the finished policy does with images and with the most probable words."""
    (tokens, dark), (_, bright), (many, _) = (
        look(run.policy, *image) for image in ((0, 96), (255, 96), (0, 300))
    )
    model, processor = load_policy(run.policy)
    whole = model.get_base_model() if isinstance(model, PeftModel) else model
    told = whole.generation_config
    whole.generation_config = transformers.GenerationConfig(
        eos_token_id=told.eos_token_id, pad_token_id=told.pad_token_id
    )
    return {
        "most_probable": generate(
            model,
            processor,
            load_split(run.corpus, "test", run.settings),
            run.settings.max_completion_length,
            8,
        ),
        "image_tokens": [tokens, many],
        "image_moves_logits": float((dark - bright).abs().max()),
        "padding_side": processor.tokenizer.padding_side,
    }


def main(name: str, results: Path, adapters: str) -> None:
    if adapters == "fp16":
        torch.cuda.is_bf16_supported = lambda *_, **__: False
    register(name, results / "published", adapters != "whole")
    srl.reward_functions = rewards_that_differ
    run = Run("iu_xray/srl_mccs", "smoke", 0, results)
    pretrain.pretrain(run)
    asked = watch_towers()
    seen = {"losses": sft.sft(run)["loss"].tolist()}
    digest = policy_digest(run.start.policy)
    seen |= {
        "log": srl.srl(run).to_dict("list"),
        "completions": write_completions(run, "test"),
    } | see(run)
    seen |= {"tower_gradients": asked}
    seen |= {"start_kept": digest == policy_digest(run.start.policy)}
    seen |= {"tensors": list(tensors(run.policy))}
    for stage, trained in (("sft", run.start), ("srl", run)):
        seen[f"changed_by_{stage}"] = changed(trained.start.policy, trained.policy)
    (results / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
