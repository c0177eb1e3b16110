from conftest import few_steps

from mrg_r1_lib.corpora.findings_first import findings_first
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler

LABELER = load_labeler("rules")


def test_abnormal_sentences_come_first_in_the_order_of_the_think_part():
    report = "Lungs are clear. Right rib fracture. No pneumothorax. Cardiomegaly."
    (ordered,) = findings_first([report], LABELER)
    assert ordered == "Cardiomegaly. Right rib fracture. Lungs are clear. No pneumothorax."


def test_no_word_and_no_label_changes_in_real_reports(indiana):
    train = load_split("iu_xray", "train", few_steps(studies={"train": 300, "validate": 4}))
    reports = [study.findings for study in train]
    ordered = findings_first(reports, LABELER)
    assert [sorted(text.split()) for text in ordered] == [sorted(text.split()) for text in reports]
    assert (LABELER(ordered) == LABELER(reports)).all()
    assert 0.05 < sum(a != b for a, b in zip(ordered, reports, strict=True)) / len(reports) < 0.6
