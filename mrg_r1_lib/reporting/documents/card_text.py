"""The words of the model card, with places for what `model_card.py` reads from manifests and tables.

`DATA` and `LIMITS` go by the kind of images: drawn ones say nothing of medicine.
"""

DATA = {
    "phantom": "The reports are real. The radiographs are drawn by this library from the hand-made index terms. Reports and "
    "radiographs for pretraining are made up.",
    "files": "Reports and radiographs are those of the corpus.",
}
LIMITS = {
    "phantom": "It has seen drawn radiographs only: what it does with a real one is not known, and no number here speaks of "
    "that. It tests a mechanism.\n- Normal reports of some arms, in part of this one, came to name a change of the spine or a "
    "granuloma that is not in the image: neither this reward nor the primary measure knows it ([log]({up}/README.md)).",
    "files": "It has seen one corpus only.",
}
CARD = """<!-- written by {again}; change mrg_r1_lib/reporting/documents/card_text.py or model_card.py, not this file -->
# Model card: {label}

Scale `{scale}`, corpus `{corpus}`. **Not for clinical use.** **Weights are not published**: {weights}

## Details

{details}

## Training data

{data} Which studies, where they come from and what is known to be wrong with them: [data statement]({up}/data_statement.md).

{studies}

## Procedure

{chain}

{procedure}

Why these settings: [assumption register]({up}/assumptions.md); the [log of trials]({up}/README.md).

## Evaluation

Clinical efficacy (CE) on the test split, means over seeds; in brackets the 95 % interval over studies, of several
seeds from the lowest end to the highest. "Images shuffled": the same policy, shown another study's image. Reference labels
and scores come from one labeler, `{labeler}`.

{scores}

The comparisons that were planned before it was scored (paired by study, over all common seeds):

{planned}

By observation (means over seeds; support: test studies whose reference asserts it):

{observations}

## Limits

- {limits}
- Reward and measure share one labeler, whose errors it may have learned. Other sides are in
  `tables/checks.csv`: the hand-made index, without Support Devices, reports new to training.
- Observations with an F1 below {low_bar}: {weak}.
- Anything that neither reward nor measure looks at (position, size, comparison with earlier films, abnormalities beyond
  the 13) may be wrong, and training may have bent it.
- It was not tested on another corpus, by sex or age, nor by a radiologist.

## Use

Meant for: studying rewards for report generation, and as a small example of the method. Not meant for: any decision about
a patient, a comparison with published numbers of other corpora or splits, or a measure of how well the method does at the
paper's scale.
"""
