"""The size of a policy, before anything is downloaded: its configuration and its parameters.

Parameters are counted on torch's meta device: no weight is made.
"""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig

from mrg_r1_lib.policies.load_save import create_policy, is_vision, require_known
from mrg_r1_lib.policies.tiny_llava import VOCABULARY
from mrg_r1_lib.storage.paths import data_root


def configuration(policy: str, image_size: int) -> PreTrainedConfig:
    """The configuration of a policy: from its folder, the registry's sizes, or made here.

    ValueError for a published policy whose sizes are unknown before a download.
    """
    base = require_known(policy)
    for folder in (data_root() / "models" / policy, Path(base.hub)) if base.hub else ():
        if (folder / "config.json").exists():
            return AutoConfig.from_pretrained(folder, local_files_only=True)
    if base.sizes:
        return AutoConfig.for_model(base.model_type, **base.sizes)
    if not base.hub:
        made = create_policy(policy, ["a report"], image_size, seed=0)[0].config
        made.text_config.vocab_size = VOCABULARY  # as the reports of a corpus fill it
        return made
    raise ValueError(
        f"{policy}: its sizes are unknown. Give `sizes` in its line of policies/registry.py, "
        f"or put its config.json into {data_root() / 'models' / policy}."
    )


def count_parameters(policy: str, image_size: int) -> dict[str, int]:
    """Parameters of a policy: "all" (tied embeddings count once) and "vision" (its tower)."""
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(configuration(policy, image_size))
    model.tie_weights()
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    vision = sum(count for name, count in counts.items() if is_vision(name))
    return {"all": sum(counts.values()), "vision": vision}
