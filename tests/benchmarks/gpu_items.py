"""What is measured on a GPU: one item per measurement, in groups; and the rehearsal's sizes."""

from dataclasses import dataclass, field, replace

from mrg_r1_lib.policies.load_save import require_known
from mrg_r1_lib.policies.registry import POLICIES

TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 2100,
}
ROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
VISION = {"hidden_size": 32, "intermediate_size": 64}
QWEN_VISION = VISION | {"depth": 2, "num_heads": 2, "out_hidden_size": 64}
CLIP = {
    "model_type": "clip_vision_model",
    "image_size": 28,
    "patch_size": 14,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
TINY = {  # sizes of the rehearsal, by type of model
    "qwen2_5_vl": {"text_config": TEXT | {"rope_parameters": ROPE}, "vision_config": QWEN_VISION},
    "qwen3_vl": {
        "text_config": TEXT
        | {"head_dim": 16, "rope_parameters": ROPE | {"mrope_interleaved": True}},
        "vision_config": QWEN_VISION | {"deepstack_visual_indexes": [0]},
    },
    "idefics3": {
        "text_config": TEXT | {"model_type": "llama"},
        "vision_config": VISION
        | {"image_size": 64, "patch_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
        "scale_factor": 2,
    },
    "llava": {"text_config": TEXT | {"model_type": "llama"}, "vision_config": VISION | CLIP},
}


@dataclass(frozen=True)
class Item:
    """One measurement of a policy; `changes` are to its entry in the registry."""

    policy: str
    stage: str = "srl"  # srl, sft or generate
    changes: dict = field(default_factory=dict)
    studies: int = 8  # of one step, or of one batch that is generated
    generation: str = "measured"  # of SRL; or "replaced"
    tower: str = "frozen"  # or "frozen, windows": `gpu_stages.windows_in_one_call`
    adapters: bool = True

    @property
    def described(self) -> dict:
        """What makes the item differ from all others; ValueError for an unknown policy."""
        base = replace(require_known(self.policy), **self.changes)
        return {
            "stage": self.stage,
            "policy": self.policy,
            "micro_batch": base.micro_batch,
            "activation_checkpointing": base.activation_checkpointing,
            "tower": self.tower,
            "generation": self.generation if self.stage == "srl" else "",
            "adapters": self.adapters,
            "studies": self.studies,
        }


def small(item: Item) -> Item:
    """The item with few studies, for the rehearsal."""
    return replace(item, studies={"srl": 1, "sft": 8, "generate": 2}[item.stage])


def updates(policy: str, *changes: dict, tower: str = "frozen") -> list[Item]:
    """The update of a step of 4 studies, once for each change."""
    same = {"studies": 4, "generation": "replaced", "tower": tower}
    return [Item(policy, changes=change, **same) for change in changes]


KEEP = {"activation_checkpointing": False}
WINDOWS = "frozen, windows"
GROUPS = {
    "7b": [Item("qwen25_vl_7b")],
    "3b": [Item("qwen25_vl_3b")],
    "7b_changes": [
        *updates("qwen25_vl_7b", {"micro_batch": 4}, {}, {"micro_batch": 16}, KEEP),
        *updates("qwen25_vl_7b", {}, {"micro_batch": 16}, KEEP, tower=WINDOWS),
    ],
    "7b_other_stages": [
        Item("qwen25_vl_7b", "sft", studies=16),
        Item("qwen25_vl_7b", "generate", studies=32),
        Item("qwen25_vl_7b", "generate", studies=32, adapters=False),
    ],
    "3b_changes": [
        *updates("qwen25_vl_3b", {"micro_batch": 4}, {}, {"micro_batch": 16}),
        *updates("qwen25_vl_3b", {"micro_batch": 16}, tower=WINDOWS),
    ],
    "tiny": [Item("tiny_llava", studies=4)],
    "7b_best": [Item("qwen25_vl_7b", changes={"micro_batch": 16}, tower=WINDOWS)],
    "others": [*updates("qwen3_vl_4b", {}), *updates("llava_15_7b", {})],
    "smolvlm": [  # the steps of scale workstation
        Item("smolvlm_500m", studies=4),
        Item("smolvlm_500m", "sft", studies=16),
        Item("smolvlm_500m", "generate", studies=32),
    ],
}


def rehearsal() -> None:
    """Make all published policies tiny."""
    for name, base in POLICIES.items():
        if base.hub:
            pixels = base.pixels and (56**2, 112**2)
            POLICIES[name] = replace(base, sizes=TINY[base.model_type], pixels=pixels)
