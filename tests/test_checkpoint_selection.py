"""Which evaluation on the validation split is kept."""

import pytest
import torch
from transformers import TrainerState

from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training.checkpoint_selection import Validation


@pytest.fixture
def writing(minute_scale, indiana, tmp_path, monkeypatch):
    """A Validation and a function that makes its policy write the reference reports, or what
    asserts nothing."""

    def begin(arm, steps=None):
        run = Run(f"iu_xray/{arm}", "smoke", 0, tmp_path)
        validation = Validation(run, processor=None, steps=steps)
        reports = [study.findings for study in validation.studies]

        def write(right):
            written = [render_target("", report if right else "Clear lungs.") for report in reports]
            monkeypatch.setattr(
                "mrg_r1_lib.training.checkpoint_selection.generate", lambda *_: written
            )

        return validation, write

    return begin


@pytest.mark.parametrize(
    ("right", "losses", "kept"),
    [((False, True, False), (3.0, 2.0, 1.0), 2), ((True, True, True), (3.0, 1.0, 2.0), 2)],
)
def test_the_weights_of_the_best_epoch_are_put_back(writing, right, losses, kept):
    validation, write = writing("sft")
    write(True)
    validation.on_train_begin(None, TrainerState(), None, model=None)
    assert not validation.rows  # SFT never keeps its start
    model, state = torch.nn.Linear(2, 1), TrainerState()
    for epoch, (copied, loss) in enumerate(zip(right, losses, strict=True), start=1):
        write(copied)
        state.epoch, state.global_step = epoch, epoch * 10
        torch.nn.init.constant_(model.weight, epoch)
        validation.on_evaluate(None, state, None, model=model, metrics={"eval_loss": loss})
    validation.restore(model)
    table = validation.table()
    assert table.loc[table["chosen"], "step"].tolist() == [10 * kept]
    assert model.weight.tolist() == [[kept, kept]]


@pytest.mark.parametrize(
    ("right", "kept"),
    [((0, 0, 0, 1, 0), 4), ((1, 1, 1, 1, 1), 5), ((1, 0, 0, 0, 0), 0)],
)
@pytest.mark.parametrize("arm", ["srl_mccs", "sft_continued"])
def test_of_evaluations_every_two_steps_the_best_is_put_back_and_it_may_be_the_start(
    writing, arm, right, kept
):
    """Evaluations at 0 (the start), 2, 4 and, since training ends there, 5; `right` is by step."""
    validation, write = writing(arm, steps=2)
    model, state = torch.nn.Linear(2, 1).train(), TrainerState(max_steps=5)
    torch.nn.init.constant_(model.weight, 0)
    write(right[0])
    validation.on_train_begin(None, state, None, model=model)
    for step in range(1, 6):
        write(right[step - 1] if step > 1 else False)
        state.global_step = step
        torch.nn.init.constant_(model.weight, step)
        validation.on_step_end(None, state, None, model=model)
        assert model.training  # TRL logs a step of training by this
    validation.restore(model)
    table = validation.table()
    assert table["step"].tolist() == [0, 2, 4, 5]
    assert table.loc[table["chosen"], "step"].tolist() == [kept]
    assert model.weight.tolist() == [[kept, kept]]
