"""Which epoch of supervised finetuning is kept."""

import pytest
import torch
from transformers import TrainerState

from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs import Run
from mrg_r1_lib.sft import Validation


@pytest.mark.parametrize(
    ("right", "losses", "kept"), [((False, True, False), (3.0, 2.0, 1.0), 2), ((True, True, True), (3.0, 1.0, 2.0), 2)]
)
def test_the_weights_of_the_best_epoch_are_put_back(minute_scale, indiana, tmp_path, monkeypatch, right, losses, kept):
    """Three epochs; `right` says which of them write the reference reports, the others write what asserts nothing."""
    validation = Validation(Run("iu_xray/sft", "smoke", 0, tmp_path), processor=None)
    reports = [study.findings for study in validation.studies]
    model, state = torch.nn.Linear(2, 1), TrainerState()
    for epoch, (copied, loss) in enumerate(zip(right, losses, strict=True), start=1):
        written = [render_target("", report if copied else "Clear lungs.") for report in reports]
        monkeypatch.setattr("mrg_r1_lib.sft.generate", lambda *_, written=written: written)
        state.epoch = epoch
        torch.nn.init.constant_(model.weight, epoch)
        validation.on_evaluate(None, state, None, model=model, metrics={"eval_loss": loss})
    validation.on_train_end(None, state, None, model=model)
    table = validation.table()
    assert table.loc[table["chosen"], "epoch"].tolist() == [kept]
    assert model.weight.tolist() == [[kept, kept]]
