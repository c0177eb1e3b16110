"""What the page of `report` says of each printed table, saved table and notebook; literal words, no numbers of a result."""

PRINTED_TITLES = {  # of the tables in tables/printed/
    "main": "The main table",
    "observations": "By observation",
    "ablations": "Every arm of the ablation",
    "definitions": "CE F1 in every definition",
    "cost": "What it cost",
    "paper": "Beside the paper",
}

TABLES = {
    "main": "every system, seed, metric and definition; intervals of the primary measure",
    "planned": "the planned comparisons, with Holm's correction",
    "seeds": "every seed's difference of the planned comparisons",
    "checks": "the planned comparisons from other sides: the hand-made index, without devices, reports new to training",
    "checked_scores": "every system under those checks",
    "held_out": "of each test study: the index's codes, and whether training has the same report",
    "observations": "precision, recall and F1 of each observation",
    "observation_intervals": "F1 of each observation before and after, and the difference, with intervals",
    "movement": "what training did: loss, reward, KL at the first step, tensors that changed",
    "ablations": "every arm of the ablation, with its difference to MCCS",
    "asked": "what each reward would choose from SFT's own samples",
    "earned": "what each policy earns under each reward",
    "own_reward": "the planned comparisons of net benefit, this study's own reward",
    "own_reward_checks": "the same from other sides",
    "own_reward_all_studies": "the planned comparisons of net benefit on all studies as they come",
    "prevalence": "how often each observation is positive, by split and reading",
    "agreement": "how far pairs of readings agree",
}

NOTEBOOKS = {
    "00_method_on_one_study": "the method on one study",
    "01_data_preparation": "the data",
    "02_supervised_finetuning": "pretraining and SFT",
    "03_semantic_reinforcement_learning": "reinforcement learning",
    "04_reward_ablations": "ablations",
    "05_tables_and_figures": "tables and figures",
}
