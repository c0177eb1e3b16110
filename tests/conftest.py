import dataclasses

import pytest

from mrg_r1_lib import scales
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.runs.run import Run


@pytest.fixture(scope="session")
def indiana():
    """The real reports; tests that need them are skipped where the set-up has not fetched them."""
    try:
        return load_corpus("iu_xray")
    except FileNotFoundError as error:
        pytest.skip(str(error))


def few_steps(**changes) -> scales.Scale:
    """The smoke scale with a few steps of everything; a dictionary changes fields of that stage."""
    scale = with_changes(
        scales.SCALES["smoke"],
        image_size=48,
        studies={"train": 24, "validate": 4, "test": 6},
        pretrain={
            "phantoms": 48,
            "own": 1,
            "tower_epochs": 1,
            "terse": 16,
            "reports": 48,
            "epochs": 12,
            "batch_size": 8,
        },
        sft={"epochs": 8, "evaluations": 8, "batch_size": 8, "phantoms": 8},
        sft_continued={"epochs": 1, "evaluations": 2, "batch_size": 8, "phantoms": 8},
        srl={"steps": 3, "evaluations": 1, "studies_per_step": 2, "group_size": 4},
        max_completion_length=48,
        resamples=50,
    )
    return with_changes(scale, **changes)


def with_changes(scale: scales.Scale, **changes) -> scales.Scale:
    """A scale with other fields; a dictionary changes the fields of that stage."""
    stages = ("pretrain", "sft", "sft_continued", "srl")
    nested = {
        name: dataclasses.replace(getattr(scale, name), **value) if name in stages else value
        for name, value in changes.items()
    }
    return dataclasses.replace(scale, **nested)


@pytest.fixture(scope="module")
def minute_scale():
    """A scale of a few steps, in place of smoke."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scales.SCALES, "smoke", few_steps())
        yield scales.SCALES["smoke"]


@pytest.fixture
def run(tmp_path):
    return Run("iu_xray/srl_mccs", "smoke", 0, tmp_path)
