"""What the networks that only look may learn from: which images, how often, and with what truth."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import few_steps, with_changes

from mrg_r1_lib.corpora import image_targets as module
from mrg_r1_lib.corpora.image_targets import image_targets, label_details
from mrg_r1_lib.corpora.phantom import drawn_anew
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.study import index_details, pixels


def test_a_study_drawn_anew_keeps_report_and_index_and_has_another_picture_each_time(indiana):
    train = load_split("iu_xray", "train", few_steps())
    anew = drawn_anew(train, 2, 48, "sft")
    assert len(anew) == 2 * len(train) and anew[0].study_id == train[0].study_id
    assert anew[0].findings == train[0].findings and anew[0].index_terms == train[0].index_terms
    own, first, second = (pixels([study])[0] for study in (train[0], anew[0], anew[len(train)]))
    assert (own != first).any() and (first != second).any() and (own != second).any()
    assert (pixels([drawn_anew(train[:1], 1, 48, "tower")[0]])[0] != first).any()
    assert (pixels([drawn_anew(train, 1, 48, "sft")[0]])[0] == first).all()


def test_without_index_terms_nothing_is_drawn_anew(indiana):
    bare = replace(load_split("iu_xray", "train", few_steps())[0], index_terms=None)
    with pytest.raises(ValueError, match="1 of 1 studies have no index terms, the first is"):
        drawn_anew([bare], 1, 48, "sft")


def test_the_tower_learns_from_training_studies_and_phantoms_alone(indiana, monkeypatch):
    asked = []
    load = module.load_split
    monkeypatch.setattr(
        module,
        "load_split",
        lambda corpus, split, scale: asked.append(split) or load(corpus, split, scale),
    )
    scale = with_changes(few_steps(), pretrain={"phantoms": 5, "own": 2})
    images, targets = image_targets("iu_xray", scale, 0, "rules")
    train = load("iu_xray", "train", scale)
    assert asked == ["train"] and images.shape == (2 * len(train) + 5, 48, 48)
    np.testing.assert_array_equal(targets[: len(train)], index_details(train))


def test_image_files_are_learned_from_as_they_are_and_repeated(indiana, monkeypatch):
    scale = with_changes(few_steps(), pretrain={"phantoms": 0, "own": 3})
    train = [replace(study, index_terms=None) for study in load_split("iu_xray", "train", scale)]
    monkeypatch.setattr(module, "load_split", lambda *_: train)
    monkeypatch.setattr(module, "images_of", lambda *_: "files")
    images, targets = image_targets("iu_xray", scale, 0, "rules")
    np.testing.assert_array_equal(images, np.concatenate([pixels(train)] * 3))
    read = module.load_labeler("rules")([study.findings for study in train])
    np.testing.assert_array_equal(targets[-len(train) :], label_details(read))
