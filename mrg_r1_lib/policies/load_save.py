"""Policies: vision-language models that write a completion for a study's prompt; made, loaded, adapted and saved here.

The registry of base models is `base_models.POLICIES`. A policy that was trained whole is saved as one whole model; one with
adapters as these alone, beside the place of the model that they adapt. They are never merged: in bf16 a merged weight is
rounded to 8 bits, and most of what reinforcement learning changes is smaller than that. The next stage goes on with the same
adapters, against a copy of them (TRL's adapter `ref`).
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from mrg_r1_lib.policies.registry import POLICIES, BaseModel
from mrg_r1_lib.policies.tiny_llava import tiny_llava
from mrg_r1_lib.storage.files import write_aside

MADE_HERE = {"tiny_llava": tiny_llava}
VISION = ("vision_tower", "visual", "vision_model")  # LLaVA, Qwen, Idefics
PROJECTOR = "merger"  # Qwen's, inside its tower; LLaVA's stands beside its own

Policy = tuple[PreTrainedModel | PeftModel, ProcessorMixin]


def require_known(name: str) -> BaseModel:
    """The base model of that name; ValueError lists the known ones."""
    if name not in POLICIES:
        raise ValueError(f"Unknown policy {name!r}; known policies: {', '.join(POLICIES)}.")
    return POLICIES[name]


def create_policy(name: str, texts: Iterable[str], image_size: int, seed: int) -> Policy:
    """A new policy with random weights and a tokenizer trained on `texts`; ValueError if that one is published, not made."""
    if require_known(name).hub:
        raise ValueError(
            f"{name} is published, not made here: published.load_published. Made here: {', '.join(MADE_HERE)}."
        )
    return MADE_HERE[name](texts, image_size, seed)


def is_vision(parameter: str) -> bool:
    """Whether the parameter of that name belongs to the vision tower; the projector behind it does not."""
    return any(part in parameter for part in VISION) and PROJECTOR not in parameter


def freeze_vision(model: PreTrainedModel) -> None:
    """Keep the vision tower as it is; ValueError if no parameter is of one, which would train it silently."""
    tower = [parameter for name, parameter in model.named_parameters() if is_vision(name)]
    if not tower:
        first = next(iter(dict(model.named_parameters())))
        raise ValueError(
            f"{type(model).__name__}: no parameter of a vision tower was found; expected a module named "
            f"{', '.join(VISION)}, the first parameter is {first}. Add its name to VISION in "
            f"policies/load_save.py."
        )
    for parameter in tower:
        parameter.requires_grad_(False)


def load_policy(folder: Path, dtype: torch.dtype | str = "auto") -> Policy:
    """A saved policy, "auto" in the precision that it was saved in; its adapters, where it has some, can be trained further.

    Its processor pads left, as generation needs. Its vision tower is not trained further, as in LLaVA (`results/README.md` has
    the trial: while a new language model learned to speak, the tower forgot a sixth of what it saw).
    FileNotFoundError if the folder holds neither a whole model nor adapters whose model is where they say.
    """
    adapters = (folder / "adapter_config.json").exists()
    whole = (
        folder / PeftConfig.from_pretrained(folder).base_model_name_or_path if adapters else folder
    )
    if not (whole / "config.json").exists():
        found = f"adapters without it, which say that it is in {whole}" if adapters else "no model"
        raise FileNotFoundError(
            f"{folder}: expected a whole model (config.json and weights), found {found}."
        )
    model = AutoModelForImageTextToText.from_pretrained(whole, dtype=dtype, local_files_only=True)
    freeze_vision(model)
    if adapters:
        model = PeftModel.from_pretrained(model, folder, is_trainable=True)
    return model, AutoProcessor.from_pretrained(folder, padding_side="left", local_files_only=True)


def save_policy(
    model: PreTrainedModel | PeftModel, processor: ProcessorMixin, folder: Path
) -> None:
    """Write model and processor, whole or not at all; of a model with adapters these alone, and where the model is."""
    chosen = {}
    if isinstance(
        model, PeftModel
    ):  # not TRL's copy of them; and no question to a hub about the model's vocabulary
        chosen = {"selected_adapters": ["default"], "save_embedding_layers": False}
        base = os.path.relpath(
            model.get_base_model().name_or_path, folder
        )  # a results folder may be moved
        model.peft_config["default"].base_model_name_or_path = base
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
    """What a trainer adds to a model before it trains adapters: nothing to one that has some."""
    return None if isinstance(model, PeftModel) else lora(base)


def lora(base: BaseModel) -> LoraConfig:
    """Adapters on the linear layers of the language model; vision tower and projector stay as they are."""
    return LoraConfig(
        r=16,  # paper value unknown
        lora_alpha=32,  # paper value unknown
        lora_dropout=0.0,  # GRPO compares log-probabilities of two passes: no noise between them
        bias="none",
        target_modules=base.lora_targets,
        modules_to_save=list(base.lora_whole) or None,
        task_type="CAUSAL_LM",
    )
