"""What the page of `report` says of each figure: literal words, no numbers of a result.

A figure that a notebook saves needs a line here (a test asks); its name is its file's below `figures/`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """One figure: its part of the page, its title, `alt` for those who do not see it, `text` on how to read it."""

    part: str
    title: str
    alt: str
    text: str


METHOD, DATA, TRAINING, SCORES = "The method", "The data", "Training", "Main scores"
COMPARISONS, OBSERVATIONS = "Planned comparisons", "By observation"
ABLATIONS, HACKING = "Reward ablations", "Where a reward and the findings part"
OTHERS = "Other figures"
PARTS = (METHOD, DATA, TRAINING, SCORES, COMPARISONS, OBSERVATIONS, ABLATIONS, HACKING, OTHERS)

FIGURES = {
    "method_overview": Caption(
        METHOD,
        "From a study to a push on the policy",
        "Diagram: a study becomes a prompt, the policy writes a group of completions, a labeler reads them, a reward "
        "compares labels, advantages update the policy; held-out reports are judged after training.",
        "Follow the arrows from the study at the left. Blue is data, orange what the policy is and writes, green what "
        "is read in it, pink what training makes of that; grey comes after training. Reward and measure read with the "
        "same labeler.",
    ),
    "reward_gallery": Caption(
        METHOD,
        "What each reward pays for which report",
        "Heat map: a row a made-up report, from exact to broken, a column a reward, the pay in each cell.",
        "Read the columns against each other. The rewards of wording take little off for a flipped negation and much for a "
        "faithful paraphrase; those of labels pay a paraphrase in full. Heights are not comparable between columns.",
    ),
    "margin_curve": Caption(
        METHOD,
        "What the margin takes off",
        "Mean MCCS of one constant normal report against the margin, for normal and for abnormal studies.",
        "What a policy that looks at nothing is paid. The lower curve, abnormal studies, is what the margin is there "
        "to push down.",
    ),
    "data_flow": Caption(
        DATA,
        "From reports to studies",
        "Flow chart from all reports through those with FINDINGS to the train, validate and test splits.",
        "Read from the top: what is left out stands to the right, with the reason. Only reports with FINDINGS take "
        "part, since FINDINGS are what the policy learns to write.",
    ),
    "prevalence": Caption(
        DATA,
        "How often each observation is positive",
        "Share of the studies with each observation, a row an observation and a colour a split, by two readings.",
        "Shares in percent on a logarithmic axis with 95 % intervals. Where the splits overlap they are alike. An "
        "observation at the lower end has a handful of test studies: nothing can be said of it alone.",
    ),
    "contact_sheet": Caption(
        DATA,
        "Radiographs and what their index terms assert",
        "Chest radiographs in a grid, above each the observations that its index terms assert.",
        "What the policy looks at. In the default study these are phantoms, drawn from the hand-made index terms: they test a "
        "mechanism and are not medicine.",
    ),
    "agreement": Caption(
        DATA,
        "How far readings of one report agree",
        "Heat map of F1 between pairs of readings: CheXbert, the rules and the hand-made index, a row an observation.",
        "F1 between two readings, 1 is full agreement. Compare the columns: how far the rules read as CheXbert does, "
        "and how far either reads as the hand-made index. Scores of policies cannot be surer than these readings.",
    ),
    "validation_sft": Caption(
        TRAINING,
        "Supervised finetuning, by epoch",
        "Two curves over the epochs of SFT on the validation split: loss a token, and CE micro-F1 over 13 observations.",
        "The epoch with the ring was kept, by F1. Loss and F1 need not agree: likelier text is not more correct text. Seed 0.",
    ),
    "validation_sft_continued": Caption(
        TRAINING,
        "SFT continued, the control",
        "Two curves over the epochs of the control on the validation split: loss a token, and CE micro-F1.",
        "What more likelihood alone does to loss and F1, from the same start as reinforcement learning and for about "
        "as long. Seed 0.",
    ),
    "over_seeds": Caption(
        TRAINING,
        "Seed by seed",
        "Four panels over training, a thin line a seed and a thick one their mean: loss and F1 of SFT, reward and F1 "
        "of reinforcement learning.",
        "How far training varies when nothing but the seed changes. A ring marks the weights that were kept.",
    ),
    "srl_curves": Caption(
        TRAINING,
        "Reinforcement learning, by step",
        "Small panels: a column a reward, a row a quantity of its training, such as weighted reward, KL to SFT, "
        "entropy and tokens.",
        "Running means; bands reach from the lowest seed to the highest. Rewards have different scales: compare "
        "directions, not heights. In equal groups all completions earn the same, so that they teach nothing.",
    ),
    "along_training": Caption(
        TRAINING,
        "The validation split along training",
        "Small panels over the share of training: F1, precision, recall and denials a report on the validation split, "
        "by reward.",
        "Greedy decoding; bands reach from the lowest seed to the highest. Where denials rise while recall falls, a "
        "policy is paid for silence.",
    ),
    "main_scores": Caption(
        SCORES,
        "The primary measure, every system",
        "CE micro-F1 over 13 observations of every system with its 95 % interval, a row a system.",
        "Further right is better; intervals are over studies. Compare a policy with its hollow twin, which was shown "
        "another study's image: a policy that scores no more than its twin does not look. The ceiling is what reading "
        "the picture perfectly would earn.",
    ),
    "precision_recall": Caption(
        SCORES,
        "Precision and recall",
        "Precision over recall of every system, with curves of equal F1.",
        "Up: what is asserted is right more often. Right: more of what is there is found. Each grey curve has one F1. "
        "The reference and the policies with other images are left out.",
    ),
    "observations": Caption(
        OBSERVATIONS,
        "F1 of each observation",
        "F1 of SFT and of reinforcement learning for each of the 14 observations.",
        "The number of positive references stands behind each name. Rare observations scatter widely and weigh little "
        "in micro F1: a loss there is seen here only. Nothing is corrected for looking at fourteen.",
    ),
    "ablations": Caption(
        ABLATIONS,
        "Every arm against the paper's reward",
        "Difference of each arm to MCCS in CE micro-F1 with its 95 % interval, a row an arm.",
        "Right of the line: better than MCCS. The number of seeds stands behind each name. An interval that covers "
        "zero is no evidence of a difference; rows of one seed are leads, since they leave out how training varies.",
    ),
    "earned": Caption(
        ABLATIONS,
        "What each policy earns under each reward",
        "Heat map: a row a policy, a column a reward, the last column CE F1, on held-out reports.",
        "Compare a row with SFT's. A policy that gains in its own column and not in the last one was paid for "
        "something else than findings.",
    ),
    "hacking": Caption(
        HACKING,
        "Reward and F1 of the same sampled reports",
        "A panel a reward: its own value and the F1 of the sampled training reports over the steps, as shares of a gap closed.",
        "Both as the share closed of the gap between the start of training and perfection; bands are over seeds. Look "
        "at directions: a reward that rises while the F1 of the same reports does not is paid for something else.",
    ),
}
