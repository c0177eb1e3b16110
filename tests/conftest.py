import dataclasses

import pytest

from mrg_r1_lib import experiments
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.runs.run import Run


@pytest.fixture(scope="session")
def indiana():
    """The real reports; tests that need them are skipped where the set-up has not fetched them."""
    try:
        return load_corpus("iu_xray")
    except FileNotFoundError as error:
        pytest.skip(str(error))


def few_steps(**changes) -> experiments.Scale:
    """The smoke scale with a few steps of everything."""
    scale = dataclasses.replace(
        experiments.SCALES["smoke"],
        image_size=48,
        studies={"train": 24, "validate": 4, "test": 6},
        phantoms=48,
        tower_epochs=1,
        phantoms_named=16,
        phantom_reports=48,
        pretrain_epochs=12,
        batch_size=8,
        sft_epochs=8,
        sft_batch_size=8,
        sft_phantoms=8,
        srl_steps=3,
        studies_per_step=2,
        group_size=4,
        max_completion_length=48,
        resamples=50,
        classifier_phantoms=32,
    )
    return dataclasses.replace(scale, **changes)


@pytest.fixture(scope="module")
def minute_scale():
    """A scale of a few steps, in place of smoke."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiments.SCALES, "smoke", few_steps())
        yield experiments.SCALES["smoke"]


@pytest.fixture
def run(tmp_path):
    return Run("iu_xray/srl_mccs", "smoke", 0, tmp_path)
