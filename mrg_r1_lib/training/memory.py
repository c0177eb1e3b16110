"""What SRL at a scale needs, from the base model's configuration alone: parameters, memory of a GPU, tokens; hours if measured.

Nothing is downloaded and no weight is made: the model is built on torch's meta device. SRL is planned, since it is the largest
stage: it generates with all completions of a step at once and trains in micro-batches. Published weights are bf16, those made
here fp32. Under LoRA the reference policy is a copy of SFT's adapters; without it, it is a second copy of the whole.
An estimate, checked against no GPU yet: `benchmark.py` measures the peak, and its file stands beside the estimate here.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from accelerate.utils import DistributedType
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel

from mrg_r1_lib.experiments import DEFAULT_CORPUS, SCALES, load_scale
from mrg_r1_lib.policies.load_save import create_policy, is_vision, lora, require_known
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.tiny_llava import VOCABULARY
from mrg_r1_lib.runs.processes import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import data_root, results_root

GIB = 2**30
PROMPT_TEXT = 60  # tokens of a prompt beside the image, about: instruction, chat template and, in Qwen's, a system message
TILE = (
    4096,
    32768,
)  # tokens and words of the vocabulary that TRL's fused head projects at once; no logits are kept
RESERVE = 0.1  # of what is counted, for fragments, and a GiB for the CUDA context: an assumption, not a measurement
LARGE = 1_000_000_000  # parameters from which a policy is not trained without a GPU


@dataclass(frozen=True)
class Parameters:
    """Counts of a policy's parameters; tied embeddings count once. `trained` under LoRA are the adapters."""

    whole: int
    vision: int  # vision tower
    trained: int

    @property
    def rest(self) -> int:
        """Language model, projector and head."""
        return self.whole - self.vision


def configuration(policy: str, image_size: int) -> PreTrainedConfig:
    """The configuration of a base model: of its line in the registry, of its folder, or as it is made here, with every word.

    ValueError for a published one of which nothing is known before it is downloaded.
    """
    base = require_known(policy)
    if base.sizes:
        return AutoConfig.for_model(base.model_type, **base.sizes)
    for folder in (data_root() / "models" / policy, Path(base.hub)) if base.hub else ():
        if (folder / "config.json").exists():
            return AutoConfig.from_pretrained(folder, local_files_only=True)
    if base.hub:
        raise ValueError(
            f"{policy} cannot be planned: expected `sizes` in its line of base_models.py, or its config.json in "
            f"{data_root() / 'models' / policy}. Add the sizes of its published configuration, or put its files there."
        )
    config = create_policy(policy, ["a report"], image_size, seed=0)[0].config
    config.text_config.vocab_size = VOCABULARY
    return config


def empty_model(config: PreTrainedConfig) -> PreTrainedModel:
    """The model without memory for its weights."""
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    model.tie_weights()
    return model


def count_parameters(scale: str) -> Parameters:
    """Of the scale's policy as SRL trains it: under LoRA the adapters, else all but the vision tower."""
    size = load_scale(scale)
    model = empty_model(configuration(size.policy, size.image_size))
    whole = sum(p.numel() for p in model.parameters())
    vision = sum(p.numel() for name, p in model.named_parameters() if is_vision(name))
    if not size.lora:
        return Parameters(whole, vision, whole - vision)
    with (
        warnings.catch_warnings()
    ):  # as in training.prepare: PEFT 0.21 still reads the old name of a transformers property
        warnings.filterwarnings(
            "ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning
        )
        adapted = get_peft_model(model, lora(POLICIES[size.policy]))
    return Parameters(
        whole, vision, sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    )


def image_tokens(policy: str, config: PreTrainedConfig) -> int:
    """Tokens of one image, at most: its most pixels over those of a token, `patch_size * spatial_merge_size` a side."""
    vision, pixels = config.vision_config, POLICIES[policy].pixels
    side = vision.patch_size * getattr(vision, "spatial_merge_size", 1)
    return (pixels[1] if pixels else vision.image_size**2) // side**2


def tokens(scale: str) -> dict[str, int]:
    """Tokens of an image, a prompt, a completion at most and a step of SRL, and the completions of that step.

    >>> tokens("laptop")
    {'image': 36, 'prompt': 96, 'completion': 128, 'completions': 32, 'step': 7168}
    """
    size = load_scale(scale)
    image = image_tokens(size.policy, configuration(size.policy, size.image_size))
    completions = size.studies_per_step * srl_run(scale).group_size
    prompt = image + PROMPT_TEXT
    step = completions * (prompt + size.max_completion_length)
    return {
        "image": image,
        "prompt": prompt,
        "completion": size.max_completion_length,
        "completions": completions,
        "step": step,
    }


def srl_run(scale: str) -> Run:
    """The scale's main run of SRL."""
    return Run(f"{DEFAULT_CORPUS}/{load_scale(scale).arms[0]}", scale, 0, Path())


def kept(config: PreTrainedConfig, count: int, checkpoints: bool) -> int:
    """Bytes that a stack of l layers keeps of `count` tokens for its backward pass, in 16 bits: h l + 16 h + 8 i numbers each.

    h is the hidden size, which checkpoints keep of every layer, i that of the MLP; 16 h + 8 i is one layer's working set, as
    counted on one layer of each published policy under LoRA. Without checkpoints every layer keeps that set.
    """
    h, i, layers = (
        config.hidden_size,
        config.intermediate_size,
        getattr(config, "num_hidden_layers", 0) or config.depth,
    )
    working = 16 * h + 8 * i
    return 2 * count * (h * layers + working if checkpoints else working * layers)


def memory(scale: str, devices: int = 1, divided: bool = False) -> dict[str, float]:
    """GiB by part on each of `devices`; "needed" is what stays, the larger phase and the reserve. `divided`: by ZeRO-3.

    What stays: weights; as many again for the reference, under LoRA a copy of the adapters; trained: gradients and AdamW's two
    states, and adapters.
    Training, of a micro-batch: activations (`kept`; checkpoints under LoRA make the frozen vision tower keep its own, too), and
    the head: a tile of logits, the gradient of the hidden states in fp32, and that of the head where it is trained.
    Generation, of all completions: cache, 2 l (key-value heads x head size) numbers a token; prefill, 4 h + 3 i of a prompt's.
    """
    size, base, count, length = (
        load_scale(scale),
        POLICIES[load_scale(scale).policy],
        count_parameters(scale),
        tokens(scale),
    )
    config = configuration(size.policy, size.image_size)
    text, vision, checkpoints = (
        config.get_text_config(),
        config.vision_config,
        base.activation_checkpointing,
    )
    share = -(-length["completions"] // devices)
    micro = min(base.micro_batch or share, share)
    whole, scored = length["prompt"] + length["completion"], micro * length["completion"]
    patches = length["image"] * getattr(vision, "spatial_merge_size", 1) ** 2
    weight, parts = (
        2 if base.hub else 4,
        devices if divided else 1,
    )  # bytes of a weight, devices that share one copy
    activations = kept(text, micro * whole, checkpoints)
    if checkpoints and size.lora:
        activations += kept(vision, micro * patches, checkpoints)
    head = 2 * min(scored, TILE[0]) * min(text.vocab_size, TILE[1]) + 4 * scored * text.hidden_size
    if not size.lora or "lm_head" in base.lora_whole:
        head += 4 * text.vocab_size * text.hidden_size
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    read = ((text, length["prompt"]), (vision, patches))  # one after the other
    by_part = {
        "weights": count.whole * weight / parts,
        "reference": count.trained * 4 if size.lora else count.whole * weight / parts,
        "trained": count.trained * (16 if size.lora else 3 * weight) / parts,
        "activations": activations,
        "head": head,
        "cache": 2
        * 2
        * text.num_hidden_layers
        * text.num_key_value_heads
        * head_size
        * share
        * whole,
        "prefill": max(
            2 * share * n * (4 * stack.hidden_size + 3 * stack.intermediate_size)
            for stack, n in read
        ),
    }
    gathered = (
        count.whole * weight - by_part["weights"]
    )  # TRL's default under ZeRO-3: the policy is whole while it generates
    phase = max(
        by_part["activations"] + by_part["head"], by_part["cache"] + by_part["prefill"] + gathered
    )
    counted = by_part["weights"] + by_part["reference"] + by_part["trained"] + phase
    by_part["reserve"] = RESERVE * counted + GIB
    by_part["needed"] = counted + by_part["reserve"]
    return {name: number / GIB for name, number in by_part.items()}


def needed_gib(scale: str, devices: int = 1, divided: bool = False) -> float:
    """GiB of GPU memory that SRL at a scale needs on each of `devices`, about; `divided`: under ZeRO-3."""
    return memory(scale, devices, divided)["needed"]


def require_device(scale: str) -> None:
    """RuntimeError, before any work, if a policy of a billion parameters finds no GPU, or a GPU without the memory."""
    size = load_scale(scale)
    if not POLICIES[size.policy].hub or (count := count_parameters(scale).whole) < LARGE:
        return
    policy = f"Scale {scale} trains {size.policy}, {count / 1e9:.2f} billion parameters"
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"{policy}: it needs a GPU with about {needed_gib(scale):.0f} GiB, and none is visible here. Use laptop, or run "
            f"the same command on a machine with such a GPU; the plan: python -m mrg_r1_lib.training.memory {scale}."
        )
    divided = processes().distributed_type is DistributedType.DEEPSPEED
    needed = needed_gib(scale, torch.cuda.device_count(), divided)
    found = torch.cuda.get_device_properties(0).total_memory / GIB
    if found < needed:
        raise RuntimeError(
            f"{policy}: it needs about {needed:.0f} GiB on each GPU, and {torch.cuda.get_device_name(0)} has {found:.0f} GiB. "
            f"Choose a smaller policy, such as qwen25_vl_3b, fewer studies a step (experiments.py), a smaller micro_batch "
            f"(base_models.py), or more GPUs: each then generates fewer completions."
        )


def measured(policy: str, results: Path) -> pd.DataFrame:
    """What `benchmark.py` measured of a policy: its median `tokens_per_second` and `peak_gib` by `device`, without step 1."""
    files = sorted((results / "benchmarks").glob(f"srl_{policy}_*.csv"))
    tables = [
        table[table["step"] > 1] if len(table) > 1 else table for table in map(pd.read_csv, files)
    ]
    columns = ["device", "tokens_per_second", "peak_gib"]
    if not tables:
        return pd.DataFrame(columns=columns)
    found = pd.concat(tables)
    return found[found["policy"] == policy].groupby("device", as_index=False)[columns[1:]].median()


def plan(scale: str, results: Path) -> pd.DataFrame:
    """The plan of SRL at a scale as rows `item`, `value`, `unit`; hours are "not measured" where no benchmark is in `results`.

    ValueError for an unknown scale.
    """
    size, count, length, gib = (
        load_scale(scale),
        count_parameters(scale),
        tokens(scale),
        memory(scale),
    )
    micro = min(POLICIES[size.policy].micro_batch or length["completions"], length["completions"])
    rows = [
        ("policy", size.policy, "with LoRA" if size.lora else "all but the vision tower trained"),
        ("parameters", count.whole / 1e6, "million"),
        ("of them language model, projector, head", count.rest / 1e6, "million"),
        ("of them vision tower", count.vision / 1e6, "million"),
        ("trained parameters", count.trained / 1e6, "million"),
        ("image", length["image"], "tokens at most"),
        ("prompt", length["prompt"], "tokens, about"),
        ("completion", length["completion"], "tokens at most"),
        ("step", length["completions"], "completions"),
        ("micro-batch", micro, "completions"),
        ("step", length["step"], "tokens, about"),
        ("weights", gib["weights"], "GiB"),
        ("reference policy", gib["reference"], "GiB"),
        ("adapters, gradients, AdamW" if size.lora else "gradients, AdamW", gib["trained"], "GiB"),
        ("training: activations", gib["activations"], "GiB"),
        ("training: head", gib["head"], "GiB"),
        ("generation: key-value cache", gib["cache"], "GiB"),
        ("generation: prefill", gib["prefill"], "GiB"),
        ("reserve, assumed", gib["reserve"], "GiB"),
        ("needed on one GPU, estimated", gib["needed"], "GiB"),
    ]
    found = measured(size.policy, results)
    for row in found.itertuples():
        hours = size.srl_steps * length["step"] / row.tokens_per_second / 3600
        rows.append(
            (
                f"SRL, {size.srl_steps} steps",
                hours,
                f"hours, by the tokens a second measured on {row.device}",
            )
        )
        rows.append(
            (
                "largest memory in the benchmark",
                row.peak_gib,
                f"GiB, measured on {row.device}, with its own settings",
            )
        )
    if found.empty:
        rows.append((f"SRL, {size.srl_steps} steps", "not measured", "hours"))
    return pd.DataFrame(rows, columns=["item", "value", "unit"])


def plan_text(scale: str, results: Path) -> str:
    """The plan as an aligned table to read, a line each."""
    table = plan(scale, results)
    values = [
        value
        if isinstance(value, str)
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.2f}"
        for value in table["value"]
    ]
    left, right = table["item"].str.len().max(), max(map(len, values))
    lines = [
        f"  {item:<{left}}  {value:>{right}}  {unit}".rstrip()
        for item, value, unit in zip(table["item"], values, table["unit"], strict=True)
    ]
    return "\n".join(
        [f"SRL at scale {scale}, planned from the configuration of its policy:", *lines, ""]
    )


def main() -> None:
    """`python -m mrg_r1_lib.training.memory SCALE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scale", nargs="?", default="full", help=" or ".join(SCALES))
    parser.add_argument(
        "--results", type=Path, default=results_root(), help="results folder with benchmarks/"
    )
    named = parser.parse_args()
    try:
        sys.stdout.write(plan_text(named.scale, named.results))
    except ValueError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
