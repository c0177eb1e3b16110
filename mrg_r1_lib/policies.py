"""Policies: vision-language models that write a completion for a study's prompt; made, loaded, adapted and saved here.

The registry of base models is `base_models.POLICIES`. A saved policy is always one whole model: adapters are merged, so that
the next stage's reference policy is simply what it was loaded from.
"""

from collections.abc import Iterable
from pathlib import Path

from peft import LoraConfig, PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from mrg_r1_lib.base_models import POLICIES, BaseModel
from mrg_r1_lib.files import write_aside
from mrg_r1_lib.tiny_llava import tiny_llava

MADE_HERE = {"tiny_llava": tiny_llava}
VISION = ("vision_tower", "visual")  # as LLaVA and Qwen name it

Policy = tuple[PreTrainedModel, ProcessorMixin]


def require_known(name: str) -> BaseModel:
    """The base model of that name; ValueError lists the known ones."""
    if name not in POLICIES:
        raise ValueError(f"Unknown policy {name!r}; known policies: {', '.join(POLICIES)}.")
    return POLICIES[name]


def create_policy(name: str, texts: Iterable[str], image_size: int, seed: int) -> Policy:
    """A new policy with random weights and a tokenizer trained on `texts`; ValueError if that one is published, not made."""
    if require_known(name).hub:
        raise ValueError(f"{name} is published, not made here: published.load_published. Made here: {', '.join(MADE_HERE)}.")
    return MADE_HERE[name](texts, image_size, seed)


def load_policy(folder: Path) -> Policy:
    """A saved policy; its processor pads left, as generation needs. Its vision tower is not trained further, as in LLaVA.

    (`results/README.md` has the trial: while a new language model learned to speak, the tower forgot a sixth of what it saw.)
    FileNotFoundError if the folder holds no whole model.
    """
    if not (folder / "config.json").exists():
        found = "an adapter alone: merge it into its base model" if (folder / "adapter_config.json").exists() else "no model"
        raise FileNotFoundError(f"{folder}: expected a whole model (config.json and weights), found {found}.")
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    for name, parameter in model.named_parameters():
        if any(part in name for part in VISION):
            parameter.requires_grad_(False)
    return model, AutoProcessor.from_pretrained(folder, padding_side="left", local_files_only=True)


def save_policy(model: PreTrainedModel | PeftModel, processor: ProcessorMixin, folder: Path) -> None:
    """Write model and processor, whole or not at all; adapters are merged into the model."""
    if isinstance(model, PeftModel):
        model = model.merge_and_unload()
    with write_aside(folder) as aside:
        model.save_pretrained(aside)
        processor.save_pretrained(aside)


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
