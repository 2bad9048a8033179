import dataclasses

from clipbench.report.explain import explain
from clipbench.report.explain_statistics import explain_statistics
from clipbench.results import Documents, Subset

from ..results.samples import CLASSIFICATION, RETRIEVAL, STATISTICS
from .samples import classification


def test_the_words_say_what_was_measured_and_what_was_refused():
    said = explain(CLASSIFICATION)
    assert "fashion_mnist, split test: 1,000 images in 2 classes, a seeded sample (seed 7)." in said
    assert "2 documents were refused (2 image_damaged)" in said
    assert "3 images are duplicates" in said


def test_the_words_say_how_the_number_came_about():
    said = explain(CLASSIFICATION)
    assert "2 prompts, such as 'a photo of a {c}.'" in said
    assert "acc1 is 0.8750 (873 of 998)" in said
    assert "Guessing would score 0.500, naming the most frequent class 0.600." in said
    assert "between 0.850 and 0.890" in said


def test_retrieval_is_told_to_be_any_hit():
    assert "any-hit" in explain(RETRIEVAL)
    assert "a smaller corpus gives higher recall" in explain(RETRIEVAL)


def test_the_published_figure_is_told_where_model_data_and_split_agree():
    said = explain(classification("ViT-B-32::openai"))
    assert "Published for this model, data set and split: acc1 0.643." in said
    assert "Published" not in explain(classification("ViT-B-32::openai", split="val"))


def test_a_score_at_chance_is_told_to_say_little():
    assert "says little of the model" in explain(classification("m", acc1=0.02))


def test_what_would_change_it_follows_the_options():
    half = explain(classification("m", precision="float16", sample=Subset(10, 1)))
    assert "float32 instead of float16" in half
    assert "another seed" in half
    whole = dataclasses.replace(classification("m"), documents=Documents(10000))
    assert "Every document was counted." in explain(whole)


def test_scaled_decoding_is_told_and_what_compares_with_it():
    said = explain(classification("ViT-B-32::openai", decoding="scaled"))
    assert "Large JPEG files were decoded at a fraction of their size: not comparable" in said
    assert "Published for this model, data set and split, decoded in full: acc1 0.643." in said
    assert "decoding JPEG files in full" in said
    assert "decod" not in explain(classification("ViT-B-32::openai"))


def test_statistics_are_explained_with_their_load():
    said = explain_statistics(STATISTICS)
    assert "requests of 8 documents, 1 in flight, 3 repeats" in said
    assert "not compared with another device" in said


def test_statistics_are_explained_with_saturation_and_latency():
    said = explain_statistics(STATISTICS)
    assert "900 texts a second (repeats from 880 to 910)" in said
    assert "Texts reach 1,200 a second (repeats from 1,190 to 1,230) with 16 requests in" in said
    assert "Images reach 500 a second" in said
    assert "64 requests in flight, the most that was tried; the rate still grew." in said
    assert "A single image is answered within 20.0 ms (median), 30.0 ms (p95) and 50.0 ms" in said
    assert "VRAM was not measured" in said
