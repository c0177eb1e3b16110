"""The arms of the study, one change per line; `scales.py` says how large they run.

An experiment is named "corpus/arm" ("iu_xray/srl_mccs"); its first half names a corpus in one
preparation. An arm starts from the policy that another arm trained, so two arms differ in one
thing.
"""

from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from mrg_r1_lib.scales import Scale


@dataclass(frozen=True)
class Preparation:
    """A corpus and how its studies are prepared. `images` "" leaves the choice to the scale.

    Text, images and ids of a corpus are guarded unless it is declared public.
    """

    corpus: str
    public: bool = False
    images: str = ""  # phantom or files
    views: int = 1  # images per study at most; paper value unknown
    text: str = "as_written"  # the normalisation of reports; paper value unknown
    note: str = "real reports, drawn radiographs"  # of its figures, where images are drawn


PREPARATIONS = {
    "iu_xray": Preparation("iu_xray", public=True),
    "iu_xray_files": Preparation("iu_xray", public=True, images="files"),  # the published images
    # a frontal and a lateral one
    "iu_xray_two_views": Preparation("iu_xray", public=True, images="files", views=2),
    "iu_xray_r2gen": Preparation("iu_xray", public=True, images="files", views=2, text="r2gen"),
    "lesson": Preparation(  # nothing of it is real
        "lesson", public=True, images="phantom", note="made-up reports, drawn radiographs"
    ),
    "mimic_cxr": Preparation("mimic_cxr", images="files"),
    "mimic_cxr_r2gen": Preparation("mimic_cxr", images="files", text="r2gen"),
}


@dataclass(frozen=True)
class Arm:
    """One recipe. `start` names the arm whose policy it continues; `rewards` are weights by
    name."""

    stage: str  # baseline, pretrain, sft, srl or shuffled
    label: str  # as tables and figures print it; never a key
    start: str | None = None
    section: str = "other"  # of the ablation table
    rewards: dict[str, float] = field(default_factory=dict)
    options: dict[str, float] = field(default_factory=dict)  # parameters of these rewards, by name
    beta: float = (
        0.04  # weight of the KL term; paper value unknown; DeepSeekMath's (arXiv:2402.03300)
    )
    group_size: int = 8  # paper value unknown
    scale_rewards: str = "group"  # advantages in standard deviations of their group; or "none"
    abnormal_share: float | None = 0.75  # of the studies that SRL sees; None: all training studies
    labeler: str = "rules"  # the labeler that the reward reads with; the scale names the judge
    generation: str = (
        "transformers"  # the engine that samples SRL's groups, one of `srl.GENERATION`
    )


def require_engine(arm: str) -> None:
    """ValueError if the arm samples with vLLM and that is not installed."""
    if ARMS[arm].generation.startswith("vllm") and not find_spec("vllm"):
        raise ValueError(
            f"{arm} generates with vLLM, which is not installed: "
            "pip install -e '.[vllm]' on a GPU machine."
        )


FORMAT = {"report_tags": 0.25}  # the weights .75 and .25 are the paper's
SRL = Arm(
    "srl",
    "SRL, MCCS",
    start="sft",
    section="clinical reward",
    rewards={"mccs": 0.75, **FORMAT},
    options={"margin": 0.3},  # paper value unknown
)


def srl(label: str, section: str, **changes: object) -> Arm:
    """The paper's arm with some fields changed."""
    return replace(SRL, label=f"SRL, {label}", section=section, **changes)


def reward(
    label: str, section: str = "clinical reward", options: dict | None = None, **weights: float
) -> Arm:
    """SRL with another reward in the place of MCCS, at its weight beside the format reward."""
    return srl(label, section, rewards={**weights, **FORMAT}, options=options or {})


def margin(value: float) -> Arm:
    """SRL with MCCS at another margin."""
    return srl(f"MCCS, margin {value}", "margin", options={"margin": value})


def mix(label: str, section: str = "format", **weights: float) -> Arm:
    """SRL with MCCS and the format reward at other weights."""
    return srl(label, section, rewards=weights)


def all_studies(arm: Arm) -> Arm:
    """The arm on all training studies, not mostly abnormal ones."""
    label = f"{arm.label}, all studies"
    return replace(arm, label=label, section="studies", abnormal_share=None)


# each kind of error has its own cost; unscaled advantages keep these costs but are smaller, so the
# KL weight is smaller, too (results/LOG.md has the trials)
UNSCALED = {"scale_rewards": "none", "beta": 0.001}
NET_BENEFIT = replace(reward("net benefit", net_benefit=0.75), **UNSCALED)
GRADED = replace(reward("graded findings", graded=0.75), **UNSCALED)


def with_twins(arms: dict[str, Arm]) -> dict[str, Arm]:
    """Each trained arm followed by its twin: the same policy, shown another study's images."""
    both = {}
    for name, arm in arms.items():
        both[name] = arm
        if arm.stage in ("sft", "srl"):
            label = f"{arm.label}, images shuffled"
            both[f"{name}_shuffled"] = Arm("shuffled", label, start=name, labeler=arm.labeler)
    return both


ARMS = with_twins(
    {
        "reference": Arm("baseline", "the reference itself"),  # the ceiling
        "constant_normal": Arm("baseline", "constant normal report"),  # what is "No Finding" worth?
        "best_single_report": Arm("baseline", "best single training report"),  # one report for all?
        "nearest_neighbour": Arm("baseline", "nearest training image's report"),  # no learning
        "image_classifier": Arm("baseline", "image classifier + template sentences"),  # no language
        # a perfect reader of the picture
        "drawn_template": Arm("baseline", "template from the drawn observations"),
        "pretrained": Arm("pretrain", "pretrained only"),
        "sft": Arm("sft", "SFT", start="pretrained", section="no reward"),
        # the control
        "sft_continued": Arm("sft", "SFT continued", start="sft", section="no reward"),
        "srl_mccs": SRL,  # the paper's reward
        "srl_label_f1": reward("label F1", label_f1=0.75),  # is the cosine needed?
        "srl_rouge_l": reward("ROUGE-L", "lexical reward", rouge_l=0.75),  # or does wording do?
        # where the cosine's reward comes from: without a margin, mostly from shared negatives
        "srl_cosine": srl("cosine without margin", "clinical reward", options={"margin": 0.0}),
        "srl_margin_10": margin(0.1),
        "srl_margin_50": margin(0.5),
        "srl_margin_70": margin(0.7),
        "srl_positive_cosine": reward("cosine of the positives", positive_cosine=0.75),
        "srl_bleu": reward("BLEU-4", "lexical reward", bleu=0.75),
        "srl_net_benefit": NET_BENEFIT,
        "srl_net_benefit_scaled": reward("net benefit, scaled", "advantage", net_benefit=0.75),
        "srl_net_benefit_all_studies": all_studies(NET_BENEFIT),
        "srl_graded": GRADED,  # side, size and other findings count, and what costs differs
        "srl_graded_all_studies": all_studies(GRADED),
        "srl_mccs_unscaled": srl("MCCS, not scaled", "advantage", **UNSCALED),
        # the rest of the recipe, one change each
        "srl_all_studies": all_studies(SRL),
        "srl_label_f1_all_studies": all_studies(reward("label F1", label_f1=0.75)),
        "srl_beta_0": srl("MCCS, KL 0", "KL term", beta=0.0),
        "srl_beta_001": srl("MCCS, KL 0.001", "KL term", beta=0.001),  # the unscaled arms' weight
        "srl_beta_01": srl("MCCS, KL 0.01", "KL term", beta=0.01),
        "srl_beta_10": srl("MCCS, KL 0.1", "KL term", beta=0.1),
        "srl_group_4": srl("MCCS, groups of 4", "advantage", group_size=4),
        "srl_group_16": srl("MCCS, groups of 16", "advantage", group_size=16),
        "srl_mix_50": mix("MCCS, mix 0.5", mccs=0.5, report_tags=0.5),
        "srl_mix_100": mix("MCCS, no format reward", mccs=1.0),
        # the same arm with vLLM, whose samples differ slightly from those of transformers
        "srl_mccs_vllm": srl("MCCS, vLLM", "engine", generation="vllm_colocate"),
        "srl_mccs_vllm_server": srl("MCCS, vLLM server", "engine", generation="vllm_server"),
        # without SFT the policy does not yet know the format of real reports
        "srl_no_sft": srl("MCCS, without SFT", "start", start="pretrained"),
        "srl_no_sft_mix_100": replace(
            mix("MCCS alone, without SFT", "start", mccs=1.0), start="pretrained"
        ),
    }
)


def parse_experiment(name: str) -> tuple[str, str]:
    """Split a name such as iu_xray/srl_mccs into corpus and arm; ValueError lists the known
    ones."""
    corpus, _, arm = name.partition("/")
    if corpus not in PREPARATIONS or arm not in ARMS:
        raise ValueError(
            f"Unknown experiment {name!r}. It is named corpus/arm, such as iu_xray/srl_mccs; "
            f"known corpora: {', '.join(PREPARATIONS)}; known arms: {', '.join(ARMS)}."
        )
    return corpus, arm


def images_of(corpus: str, scale: Scale) -> str:
    """Where a corpus's images come from at a scale: "phantom" (drawn) or "files"."""
    return PREPARATIONS[corpus].images or scale.images


def baselines(corpus: str, scale: Scale) -> list[str]:
    """The arms without a policy that make sense on a corpus: only phantoms know what was drawn."""
    hidden = () if images_of(corpus, scale) == "phantom" else ("drawn_template",)
    return [name for name, arm in ARMS.items() if arm.stage == "baseline" and name not in hidden]
