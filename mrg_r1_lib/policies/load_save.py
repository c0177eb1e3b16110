"""Policies: vision-language models that write a completion for a study's prompt.

They are made, loaded, adapted and saved here; `registry.POLICIES` lists the base models. A policy
without adapters is saved as one complete model. Of a policy with adapters only the adapters and the
path of their model are saved. Adapters are never merged: bf16 rounds a merged weight to 8 bits, and
most changes by reinforcement learning are smaller. The next stage trains the same adapters, against
a copy of them (TRL's adapter `ref`).
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from mrg_r1_lib.policies.registry import BaseModel, require_known
from mrg_r1_lib.policies.tiny_llava import tiny_llava, tiny_llava_rad_dino
from mrg_r1_lib.storage.files import recover, write_aside

MADE_HERE = {"tiny_llava": tiny_llava, "tiny_llava_rad_dino": tiny_llava_rad_dino}
VISION = ("vision_tower", "visual", "vision_model")  # module names: LLaVA, Qwen, Idefics
PROJECTOR = "merger"  # Qwen's projector is inside its tower; LLaVA's is outside

Policy = tuple[PreTrainedModel | PeftModel, ProcessorMixin]


def create_policy(name: str, texts: Iterable[str], image_size: int, seed: int) -> Policy:
    """A new policy with random weights and a tokenizer trained on `texts`.

    ValueError for an unknown name or a published base model.
    """
    if require_known(name).hub:
        raise ValueError(
            f"{name} is published, not made here: use hub.load_published. "
            f"Made here: {', '.join(MADE_HERE)}."
        )
    if name not in MADE_HERE:
        raise ValueError(
            f"{name} has no `hub` in policies/registry.py and no maker in MADE_HERE of "
            f"policies/load_save.py: give it one of them."
        )
    return MADE_HERE[name](texts, image_size, seed)


def is_vision(parameter: str) -> bool:
    """Whether the parameter of that name belongs to the vision tower; a projector's does not."""
    return any(part in parameter for part in VISION) and PROJECTOR not in parameter


def freeze_vision(model: PreTrainedModel) -> None:
    """Freeze the vision tower; ValueError if none is found, since it would then be trained."""
    tower = [parameter for name, parameter in model.named_parameters() if is_vision(name)]
    if not tower:
        first = next(iter(dict(model.named_parameters())))
        raise ValueError(
            f"{type(model).__name__}: no parameter of a vision tower was found; expected a module "
            f"named {', '.join(VISION)}, the first parameter is {first}. Add its name to VISION in "
            "policies/load_save.py."
        )
    for parameter in tower:
        parameter.requires_grad_(False)


def vision_tower(model: torch.nn.Module) -> torch.nn.Module:
    """The vision tower inside a policy; StopIteration if it has none."""
    return next(part for name, part in model.named_modules() if name.rpartition(".")[2] in VISION)


def stop_tower_gradients(model: torch.nn.Module) -> None:
    """Run the frozen vision tower without gradients; those of the adapters stay the same.

    Activation checkpointing under LoRA asks the inputs of the model for gradients, images too
    (transformers' `enable_input_require_grads`). The frozen tower would then have a backward pass,
    which took more than half of an update on a GPU (`results/README.md`). ValueError if a part of
    the tower is trained.
    """
    tower = vision_tower(model)
    trained = [name for name, parameter in tower.named_parameters() if parameter.requires_grad]
    if trained:
        raise ValueError(
            f"{type(model).__name__}: {len(trained)} tensors of the vision tower are trained, the "
            f"first is {trained[0]}; expected a frozen tower."
        )
    tower.forward = torch.no_grad()(tower.forward)


def half_precision() -> torch.dtype:
    """bfloat16, or float16 on a GPU that only emulates it (NVIDIA's before Ampere)."""
    exact = not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if exact else torch.float16


def load_policy(folder: Path, dtype: torch.dtype | str | None = None) -> Policy:
    """A saved policy. Its adapters, if any, are in float32 and stay trainable.

    Without a `dtype` its precision is the saved one, but `half_precision()` in place of bfloat16;
    "auto" keeps the saved one.
    The processor pads left, as generation needs. The vision tower is frozen, as in LLaVA: in a
    trial the tower recognised a sixth less after training with a new language model
    (`results/LOG.md`). FileNotFoundError if the folder has no model, or adapters without theirs.
    """
    recover(folder)
    adapters = (folder / "adapter_config.json").exists()
    base = folder
    if adapters:
        base = folder / PeftConfig.from_pretrained(folder).base_model_name_or_path
    if not (base / "config.json").exists():
        found = f"adapters without it, which say that it is in {base}" if adapters else "no model"
        raise FileNotFoundError(
            f"{folder}: expected a whole model (config.json and weights), found {found}."
        )
    model = AutoModelForImageTextToText.from_pretrained(
        base, dtype=dtype or "auto", local_files_only=True
    )
    if dtype is None and model.dtype == torch.bfloat16:
        model = model.to(half_precision())
    freeze_vision(model)
    if adapters:
        model = PeftModel.from_pretrained(model, folder, is_trainable=True)
    return model, AutoProcessor.from_pretrained(folder, padding_side="left", local_files_only=True)


def save_policy(
    model: PreTrainedModel | PeftModel, processor: ProcessorMixin, folder: Path
) -> None:
    """Write model and processor, both or none; of a model with adapters only these and its path."""
    chosen = {}
    if isinstance(model, PeftModel):
        # without TRL's copy of the adapters; PEFT must not ask the hub about the vocabulary
        chosen = {"selected_adapters": ["default"], "save_embedding_layers": False}
        # a relative path, since a results folder may be moved
        base = os.path.relpath(model.get_base_model().name_or_path, folder)
        model.peft_config["default"].base_model_name_or_path = base
    # how the last batch was padded is no part of a policy: a run that went on may have had none
    processor.tokenizer.backend_tokenizer.no_padding()
    processor.tokenizer.backend_tokenizer.no_truncation()
    with write_aside(folder) as aside:
        model.save_pretrained(aside, **chosen)
        processor.save_pretrained(aside)


def policy_digest(folder: Path) -> str:
    """SHA-256 over the weights of a saved policy, in one file or several; 64 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def new_adapters(model: PreTrainedModel | PeftModel, base: BaseModel) -> LoraConfig | None:
    """The adapters that a trainer adds to a model; None if it already has some."""
    return None if isinstance(model, PeftModel) else lora(base)


def lora(base: BaseModel) -> LoraConfig:
    """LoRA adapters on the language model's linear layers, none on vision tower and projector."""
    return LoraConfig(
        r=16,  # paper value unknown
        lora_alpha=32,  # paper value unknown
        lora_dropout=0.0,  # GRPO compares log-probabilities of two passes: no noise between them
        bias="none",
        target_modules=base.lora_targets,
        modules_to_save=list(base.lora_whole) or None,
        task_type="CAUSAL_LM",
    )
