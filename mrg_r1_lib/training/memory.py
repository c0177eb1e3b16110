"""The needs of a scale before training: parameters, GPU memory, disk. Nothing is downloaded.

Parameters are counted on torch's meta device, from the policy's published sizes. The GPU memory is
the scale's own `gpu_gib`, which was measured (`results/benchmarks/`), not modelled.
"""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig

from mrg_r1_lib.experiments import load_scale
from mrg_r1_lib.policies.load_save import create_policy, is_vision, require_known
from mrg_r1_lib.storage.paths import data_root

GIB = 2**30


def configuration(policy: str, image_size: int) -> PreTrainedConfig:
    """The configuration of a policy: from the registry's sizes, its folder, or made here.

    ValueError for a published policy whose sizes are unknown before a download.
    """
    base = require_known(policy)
    if base.sizes:
        return AutoConfig.for_model(base.model_type, **base.sizes)
    if not base.hub:
        return create_policy(policy, ["a report"], image_size, seed=0)[0].config
    for folder in (data_root() / "models" / policy, Path(base.hub)):
        if (folder / "config.json").exists():
            return AutoConfig.from_pretrained(folder, local_files_only=True)
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


def plan_text(scale: str) -> str:
    """The needs of a scale as text, one line per item."""
    settings = load_scale(scale)
    counts = count_parameters(settings.policy, settings.image_size)
    total, vision = counts["all"] / 1e6, counts["vision"] / 1e6
    trained = "adapters (LoRA)" if settings.lora else "all weights but the vision tower"
    gpu = f"{settings.gpu_gib:.0f} GiB on each" if settings.gpu_gib else "none is needed"
    rows = {
        "policy": settings.policy,
        "parameters": f"{total:,.1f} million, {vision:,.1f} of vision",
        "trained": trained,
        "GPU memory": gpu,
        "disk": f"{settings.disk_gib:.1f} GiB",
        "SRL": f"{settings.srl.steps} steps of {settings.srl.studies_per_step} studies",
    }
    lines = [f"  {name:<12}{value}" for name, value in rows.items()]
    return "\n".join([f"Scale {scale} needs:", *lines, ""])


def require_device(scale: str) -> None:
    """RuntimeError, before any work, if the scale needs a GPU and there is none with its memory."""
    settings = load_scale(scale)
    if not settings.gpu_gib:
        return
    memory = f"{settings.gpu_gib:.0f} GiB on each GPU"
    needs = f"Scale {scale} trains {settings.policy} and needs {memory}"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"{needs}; no GPU is visible here. Use laptop, or run the same command on a machine "
            f"with such a GPU. The plan: ./run_all.sh {scale} --plan"
        )
    found = torch.cuda.get_device_properties(0).total_memory / GIB
    if found < settings.gpu_gib:
        raise RuntimeError(
            f"{needs}; {torch.cuda.get_device_name(0)} has {found:.0f} GiB. Choose a smaller "
            "policy, such as qwen25_vl_3b, or fewer studies per step (experiments.py)."
        )
