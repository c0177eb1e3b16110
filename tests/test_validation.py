"""Which look at the validation split is kept."""

import pytest
import torch
from transformers import TrainerState

from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training.validation import Validation


@pytest.fixture
def writing(minute_scale, indiana, tmp_path, monkeypatch):
    """A Validation and a function that makes its policy write the reference reports, or what asserts nothing."""

    def begin(steps=None):
        validation = Validation(
            Run("iu_xray/sft", "smoke", 0, tmp_path), processor=None, steps=steps
        )
        reports = [study.findings for study in validation.studies]

        def write(right):
            written = [render_target("", report if right else "Clear lungs.") for report in reports]
            monkeypatch.setattr("mrg_r1_lib.training.validation.generate", lambda *_: written)

        return validation, write

    return begin


@pytest.mark.parametrize(
    ("right", "losses", "kept"),
    [((False, True, False), (3.0, 2.0, 1.0), 2), ((True, True, True), (3.0, 1.0, 2.0), 2)],
)
def test_the_weights_of_the_best_epoch_are_put_back(writing, right, losses, kept):
    validation, write = writing()
    model, state = torch.nn.Linear(2, 1), TrainerState()
    for epoch, (copied, loss) in enumerate(zip(right, losses, strict=True), start=1):
        write(copied)
        state.epoch, state.global_step = epoch, epoch * 10
        torch.nn.init.constant_(model.weight, epoch)
        validation.on_evaluate(None, state, None, model=model, metrics={"eval_loss": loss})
    validation.on_train_end(None, state, None, model=model)
    table = validation.table()
    assert table.loc[table["chosen"], "epoch"].tolist() == [kept]
    assert model.weight.tolist() == [[kept, kept]]


@pytest.mark.parametrize(
    ("right", "kept"), [((True, False, True, False, False), 4), ((True, True, True, True, True), 5)]
)
def test_of_looks_every_two_steps_the_best_is_put_back_and_the_start_is_never_chosen(
    writing, right, kept
):
    """Looks at 0 (the start), 2, 4 and, since training ends there, 5; `right` is by step."""
    validation, write = writing(steps=2)
    model, state = torch.nn.Linear(2, 1).train(), TrainerState(max_steps=5)
    write(True)
    validation.on_train_begin(None, state, None, model=model)
    for step in range(1, 6):
        write(right[step - 2] if step > 1 else False)
        state.global_step = step
        torch.nn.init.constant_(model.weight, step)
        validation.on_step_end(None, state, None, model=model)
        assert model.training  # TRL logs a step of training by this
    validation.on_train_end(None, state, None, model=model)
    table = validation.table()
    assert table["step"].tolist() == [0, 2, 4, 5]
    assert table.loc[table["chosen"], "step"].tolist() == [kept]
    assert model.weight.tolist() == [[kept, kept]]
