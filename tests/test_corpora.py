"""Tests of the corpora's registry, the reading of index terms, and the phantom corpus."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mrg_r1_lib.corpora import CORPORA, load_corpus
from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.corpora.phantom import KINDS
from mrg_r1_lib.corpora.phantom_text import fill, wordings
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.observations import ABNORMALITIES, NO_FINDING, Label
from mrg_r1_lib.study import check_studies, index_labels

MESH_TERMS = (
    Path(__file__).parent / "labels" / "mesh_terms.csv"
)  # the corpus's own terms; facts, no report text


@pytest.fixture(scope="module")
def phantoms():
    return load_corpus("phantom", studies=2000, seed=3)


# the registry


def test_an_unknown_corpus_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match=r"'chexpert'; expected one of iu_xray, .*phantom"):
        load_corpus("chexpert")


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"images": "drawn"}, r"images='drawn': expected one of 'phantom', 'files'"),
        ({"text": "upper"}, r"text='upper': expected one of 'as_written', 'r2gen'"),
        ({"views": 3}, r"views=3: expected 1 or 2"),
    ],
)
def test_a_setting_that_no_corpus_has_is_refused_with_the_known_ones(name, setting, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(name, **setting)


def test_phantoms_have_no_files():
    with pytest.raises(ValueError, match="images='files', but the corpus reads no files"):
        load_corpus("phantom", images="files")


# index terms


def test_the_table_reproduces_the_observations_of_every_term_of_the_corpus():
    with MESH_TERMS.open(encoding="utf-8", newline="") as file:
        expected = {row["major_term"]: row["observations"] for row in csv.DictReader(file)}
    read = {term: ";".join(parse_index_term(term).observations) for term in expected}
    assert len(expected) == 1719
    assert {term: names for term, names in read.items() if names != expected[term]} == {}


@pytest.mark.parametrize(
    ("term", "side", "zone", "size"),
    [
        ("Pleural Effusion/left/small", "left", "", "small"),
        ("Opacity/lung/base/bilateral/patchy/mild", "bilateral", "lower", "small"),
        ("Cardiomegaly/borderline", "", "", "small"),
        ("Pulmonary Edema/severe", "", "", "large"),
        ("Pneumothorax/apex/right/moderate", "right", "upper", "moderate"),
        ("Density/lung/base/left/retrocardiac", "left", "lower", ""),
        ("Opacity/lung/lingula", "left", "middle", ""),  # the lingula is part of the left lung
        (
            "Pulmonary Atelectasis/middle lobe",
            "right",
            "middle",
            "",
        ),  # the middle lobe, of the right one
        (
            "Opacity/lung/middle lobe/bilateral",
            "bilateral",
            "middle",
            "",
        ),  # a named side beats the implied one
        ("Opacity/lung/upper lobe/hilum/left", "left", "upper", ""),  # a lobe beats the hilum
        ("normal", "", "", ""),
    ],
)
def test_side_zone_and_size_are_read_from_the_qualifiers(term, side, zone, size):
    parsed = parse_index_term(term)
    assert (parsed.term, parsed.side, parsed.zone, parsed.size) == (term, side, zone, size)


# the phantom corpus


def test_a_phantom_study_depends_on_its_seed_and_number_alone():
    few, many = load_corpus("phantom", studies=3, seed=5), load_corpus("phantom", studies=9, seed=5)
    said = [(study.study_id, study.findings, study.index_terms) for study in many]
    assert [(study.study_id, study.findings, study.index_terms) for study in few] == said[:3]
    assert said[0][0] == "phantom-5-0"
    assert [study.findings for study in load_corpus("phantom", studies=9, seed=6)] != [
        text for _, text, _ in said
    ]


def test_the_phantom_corpus_is_a_sequence(phantoms):
    check_studies(phantoms)
    assert len(phantoms) == 2000
    assert phantoms[-1].study_id == phantoms[1999].study_id == "phantom-3-1999"
    assert [study.study_id for study in phantoms[:2]] == ["phantom-3-0", "phantom-3-1"]
    with pytest.raises(IndexError):
        phantoms[2000]


def test_a_phantom_radiograph_has_the_size_asked_for_and_is_the_same_on_every_look():
    one, again = (load_corpus("phantom", studies=1, image_size=48)[0].images[0]() for _ in range(2))
    assert one.size == (48, 48)
    assert one.tobytes() == again.tobytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"studies": 0}, "studies=0"),
        ({"split": "dev"}, "'dev' is unknown"),
        ({"root": "here"}, "root='here'"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        load_corpus("phantom", **settings)


def test_about_a_third_is_normal_and_every_abnormality_is_seen_in_three_percent(phantoms):
    shares = (index_labels(phantoms) == Label.POSITIVE).mean(axis=0)
    assert abs(shares[NO_FINDING] - 0.35) < 0.04
    assert shares[:NO_FINDING].min() > 0.03


def test_a_phantom_has_one_to_four_terms_each_of_another_kind(phantoms):
    kinds = [[term.observations[:1] for term in study.index_terms] for study in phantoms]
    assert {len(names) for names in kinds} == {1, 2, 3, 4}
    assert all(len(set(names)) == len(names) for names in kinds)


def test_the_text_states_what_is_drawn_and_denies_only_what_is_not(phantoms):
    drawn, written = index_labels(phantoms) == Label.POSITIVE, phantoms.written_labels()
    stated = np.isin(written, [Label.POSITIVE, Label.UNCERTAIN])
    assert not (stated & ~drawn).any()
    assert not (drawn & (written == Label.NEGATIVE)).any()
    # the index lets a consolidation assert Lung Opacity too, which the text need not repeat
    unsaid = (drawn & ~stated).any(axis=0)
    assert [ABNORMALITIES[column] for column in np.flatnonzero(unsaid)] == ["Lung Opacity"]


def test_a_terse_report_says_what_is_drawn_and_denies_nothing():
    studies = load_corpus("phantom", studies=200, terse=True)
    drawn, written = index_labels(studies) == Label.POSITIVE, studies.written_labels()
    assert (written != Label.NEGATIVE).all() and not (np.isin(written, (1, 3)) & ~drawn).any()
    assert all(study.findings for study in studies)
    whole = load_corpus("phantom", studies=200)
    assert [s.index_terms for s in studies] == [s.index_terms for s in whole]


def test_about_one_finding_in_eight_is_hedged(phantoms):
    written = phantoms.written_labels()[:, :NO_FINDING]
    hedged, plain = (written == Label.UNCERTAIN).sum(), (written == Label.POSITIVE).sum()
    assert abs(hedged / (hedged + plain) - 0.12) < 0.03


def test_side_zone_and_size_of_every_term_stand_in_the_text(phantoms):
    for study in phantoms[:300]:
        text = study.findings.lower().replace("both", "bilateral")
        for term in study.index_terms:
            size = (
                term.term.rsplit("/", 1)[-1] if term.size else ""
            )  # the term's own word: mild, not small
            assert all(word in text for word in (term.side, term.zone, size)), (
                term,
                study.findings,
            )


@pytest.mark.parametrize("name", KINDS)
def test_an_abnormality_has_three_wordings_a_value_with_the_slots_that_its_terms_fill(name):
    words = dict(zip(("{side}", "{zone}", "{size}"), KINDS[name][2:], strict=True))
    filled = {slot for slot, choices in words.items() if choices != ("",)}
    for value in (Label.POSITIVE, Label.NEGATIVE, Label.UNCERTAIN):
        patterns = {w.pattern for w in wordings() if w.observations == (name,) and w.value == value}
        assert len(patterns) >= 3
        for pattern in patterns:
            assert {slot for slot in words if slot in pattern} == (
                set() if value == Label.NEGATIVE else filled
            )


def test_every_wording_occurs():
    text = "\n".join(study.findings for study in load_corpus("phantom", studies=4000, seed=1))
    sides, zones = ("", "left", "right", "bilateral"), ("", "upper", "middle", "lower")
    sizes = ("", "small", "moderate", "large", "mild", "severe")
    for wording in wordings():
        sentences = {
            fill(wording.pattern, side, zone, size)
            for side in sides
            for zone in zones
            for size in sizes
        }
        assert any(sentence in text for sentence in sentences), wording


def test_the_rules_labeler_reads_what_was_written(phantoms):
    written = phantoms.written_labels()[:300]
    read = load_labeler("rules")([study.findings for study in phantoms[:300]])
    assert (read == written).mean() >= 0.95
    assert (read == written)[written != Label.BLANK].mean() >= 0.95
