"""What documents and notebooks say of each saved figure, by its file's name: literal words, no
numbers of a result.
"""

from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.figure import Figure


class Caption(NamedTuple):
    """One figure: its part of the course, its title, `alt` for those who do not see it, `text`
    on how to read it.
    """

    part: str
    title: str
    alt: str
    text: str


@dataclass(frozen=True)
class Captioned:
    """A saved figure with its caption: a notebook shows how to read it, and below the picture.

    The picture stays the cell's value: of a guarded corpus nothing else is kept.
    """

    figure: Figure
    caption: Caption

    def _repr_mimebundle_(self, **_: object) -> tuple[dict, dict]:
        from IPython import get_ipython  # notebooks alone have it
        from IPython.display import Markdown, display

        display(Markdown(f"*{self.caption.title}.* {self.caption.text}"))
        return get_ipython().display_formatter.format(self.figure)


METHOD, DATA, TRAINING, SCORES = "The method", "The data", "Training", "Main scores"
OBSERVATIONS, ABLATIONS = "By observation", "Reward ablations"
HACKING = "Where a reward and the findings part"
PARTS = (METHOD, DATA, TRAINING, SCORES, OBSERVATIONS, ABLATIONS, HACKING)

CAPTIONS = {
    "method_overview": Caption(
        METHOD,
        "From a study to an update of the policy",
        "Diagram: a study becomes a prompt, the policy writes a group of completions, a labeler "
        "reads them, a reward compares labels, advantages update the policy. Held-out reports "
        "are scored after training.",
        "Follow the arrows from the study at the left. Blue is data, orange the policy and its "
        "completions, green their labels, pink the update; grey comes after training. Reward "
        "and metrics read with the same labeler.",
    ),
    "reward_gallery": Caption(
        METHOD,
        "The score of each reward for each report",
        "Heat map: a row per made-up report, from exact to broken, a column per reward.",
        "Compare the columns. Rewards of wording lose little for a flipped negation and much "
        "for a faithful paraphrase. Rewards of labels give a paraphrase the full score. "
        "Values are not comparable between columns.",
    ),
    "margin_curve": Caption(
        METHOD,
        "What the margin takes off",
        "Mean MCCS of one constant normal report against the margin: a curve for studies with "
        "a finding, one for studies with none of the 13.",
        "This report uses no image. The lower curve, studies with a finding, is what the "
        "margin is meant to lower; it lowers the other one, too.",
    ),
    "data_flow": Caption(
        DATA,
        "From reports to studies",
        "Flow chart from all reports through those with FINDINGS to the train, validate and "
        "test splits.",
        "Read from the top. What leaves the path stands at the right, with the reason. The policy "
        "learns from FINDINGS. Studies with an IMPRESSION alone teach nothing: they are scored "
        "once, at the end, as the confirmation set.",
    ),
    "prevalence_by_split": Caption(
        DATA,
        "How often each observation is positive",
        "Share of the studies with each observation, a row per observation and a colour per "
        "split, by several readings.",
        "Shares in percent on a logarithmic axis, with 95 % intervals. Where the intervals "
        "overlap, no difference of the splits is seen. An observation at the lower end has a "
        "handful of test studies: too few to say anything about it alone.",
    ),
    "contact_sheet": Caption(
        DATA,
        "Radiographs and what their index terms assert",
        "Chest radiographs in a grid, above each the observations that its index terms assert.",
        "The images that the policy sees. In the default study they are phantoms, drawn from "
        "the hand-made index terms: they test a mechanism and are not medicine.",
    ),
    "impression_agreement": Caption(
        DATA,
        "How far readings of one report agree",
        "Heat map of F1 between pairs of readings: CheXbert, the rules and the hand-made index, "
        "a row per observation.",
        "F1 between two readings; 1 is full agreement. Compare the columns: how far the rules "
        "agree with CheXbert, and how far each of them agrees with the hand-made index. Scores "
        "of policies cannot be more certain than these readings.",
    ),
    "validation_sft": Caption(
        TRAINING,
        "Supervised finetuning, by epoch",
        "Two curves over the epochs of supervised finetuning (SFT) on the validation split: "
        "loss per token, and clinical F1 (micro, 13).",
        "The ring marks the epoch that was kept, by F1. Loss and F1 need not agree: likelier "
        "text is not more correct text. One seed.",
    ),
    "validation_sft_continued": Caption(
        TRAINING,
        "SFT continued, the control",
        "Two curves over the epochs of the control on the validation split: loss per token, "
        "and clinical F1 (micro, 13).",
        "The control trains on likelihood alone, from the same start as reinforcement "
        "learning and for about as long. Its scales are not those of the figure of SFT. One seed.",
    ),
    "seed_curves": Caption(
        TRAINING,
        "Seed by seed",
        "Four panels over training, a thin line per seed and a thick line for their mean: "
        "loss and F1 of SFT, reward and F1 of reinforcement learning.",
        "How far training varies when only the seed changes: compare the distance between "
        "thin lines with the rise of the thick one. A ring marks the checkpoint that was "
        "kept. Both panels of F1 have one scale.",
    ),
    "srl_curves": Caption(
        TRAINING,
        "Reinforcement learning, by step",
        "Small panels: a column per reward, a row per quantity of its training, such as "
        "weighted reward, KL to SFT, entropy and tokens.",
        "Running means; bands reach from the lowest seed to the highest. Rewards have "
        "different scales: compare directions, not heights. In equal groups all completions "
        "have the same reward, so such a group teaches nothing.",
    ),
    "validation_curves": Caption(
        TRAINING,
        "The validation split along training",
        "Small panels over the share of training: F1, precision, recall and denials per report "
        "on the validation split, by reward.",
        "Greedy decoding; bands reach from the lowest seed to the highest. Where denials rise "
        "while recall falls, the reward favours silence.",
    ),
    "main_scores": Caption(
        SCORES,
        "The primary measure, system by system",
        "Clinical F1 (micro, 13 observations) of each system with its 95 % interval, a row "
        "per system, the highest first.",
        "Further right is better. Counts and intervals are over seeds and studies together. "
        "The hollow mark in a policy's row is the same policy, shown another study's image: "
        "what lies between the two marks is what it takes from the image. Green: the "
        "labeler against itself, and a template that names exactly what was drawn.",
    ),
    "precision_recall": Caption(
        SCORES,
        "Precision and recall",
        "Precision over recall of each system, with curves of equal F1.",
        "Higher: assertions are right more often. Further right: more findings are found. Each "
        "grey curve has one F1. The reference and the policies with other images are left out.",
    ),
    "observation_f1": Caption(
        OBSERVATIONS,
        "F1 of each observation",
        "F1 of SFT and of reinforcement learning for each of the 14 observations.",
        "The number of positive references stands behind each name. Rare observations scatter "
        "widely and weigh little in micro F1: a loss there hardly moves it. An interval without "
        "width at zero: never found at any seed. At the right a hollow mark has an interval that "
        "covers zero. The intervals are not corrected for fourteen comparisons.",
    ),
    "ablation_forest": Caption(
        ABLATIONS,
        "Every arm against the paper's reward",
        "Difference of each arm to MCCS in micro F1 with its 95 % interval, a row per arm, by "
        "section and size of the difference.",
        "Right of the line: better than MCCS. The number of shared seeds stands behind each "
        "name. A hollow mark is no evidence of a difference: its interval covers zero, or, in "
        "grey, there are fewer than three seeds, too few to say how training varies.",
    ),
    "reward_heatmap": Caption(
        ABLATIONS,
        "What each arm gained under each reward",
        "Heat map: a row per arm, a column per reward, the last column F1: changes against "
        "SFT on held-out reports, the highest F1 first.",
        "Differences to SFT of the same seeds; their number stands behind each name, and rows "
        "of other seeds are no comparison. Each column has its own colour scale, orange up, "
        "purple down. A run that kept its start counts as 0. An arm that gains in its own column "
        "and not in the last one learned something else than findings. An empty column was not "
        "scored.",
    ),
    "reward_hacking": Caption(
        HACKING,
        "Reward and F1 of the same sampled reports",
        "A panel per arm, the paper's reward and rewards of wording: how its own reward and "
        "the F1 of its sampled training reports move over the steps.",
        "Changes since the first steps; bands are over seeds, the title has the number of seeds "
        "and the last values. "
        "Where the reward rises and the F1 of the same reports does not, the policy has "
        "learned something else than findings.",
    ),
    "two_definitions": Caption(
        HACKING,
        "Two definitions, every run",
        "Scatter: a point per run, micro F1 over 13 abnormalities across, example-based F1 "
        "over 14 classes up; runs far below the others are named.",
        "Both axes score the same reports. Left and right: how well findings are named. Up "
        "and down: also whether a study without a finding is called so. A run at the usual "
        "place across and far below the others asserts something that the primary measure "
        "does not see.",
    ),
}
