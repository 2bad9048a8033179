import pytest

from clipbench.report import FORMATS, build, observations_in, render
from clipbench.results import Documents, Subset, load_all

from .samples import classification, retrieval, statistics

CIFAR = "vtab/cifar100 acc1"
B32 = "ViT-B-32::openai"
H14 = "ViT-H-14::laion2b-s32b-b79k"


def cell(table, label, key):
    row = next(row for row in table.rows if row.label == label)
    return row.cells[[heading.key for heading in table.headings].index(key)]


def notes(table, found):
    return [table.footnotes[mark - 1] for mark in found.marks]


def heading(table, key):
    return next(heading for heading in table.headings if heading.key == key)


def test_a_measured_value_stands_beside_the_published_one_with_the_difference():
    table = build([classification(B32, acc1=0.6412)]).classification
    found = cell(table, B32, CIFAR)
    assert (found.text, found.published, found.difference) == ("0.641", "0.643", "-0.002")
    assert "0.641 (0.643, -0.002)" in render(build([classification(B32, acc1=0.6412)]), "markdown")


def test_the_sun397_column_compares_top5_with_the_published_top5():
    found = cell(build([classification(B32, "sun397", 0.5)]).classification, B32, "sun397 acc5")
    assert (found.text, found.published) == ("0.600", "0.913")


def test_columns_and_order_are_the_published_ones_and_own_data_come_after():
    table = build([classification("mine", "emoji_classes", 0.5)]).classification
    assert len(table.headings) == 22
    assert table.headings[0].title == "ImageNetV2"
    assert table.headings[-1].title == "emoji_classes"
    assert cell(table, "mine", CIFAR).text == ""


def test_rows_are_in_the_published_order_whatever_order_the_files_have():
    results = [classification(name) for name in ("mine", H14, B32)]
    assert [row.model for row in build(results).classification.rows] == [B32, H14, "mine"]


def test_unmeasured_models_get_a_blank_row_with_the_published_values_on_request():
    table = build([classification(B32)], unmeasured=True).classification
    assert len(table.rows) == 25
    found = cell(table, H14, CIFAR)
    assert (found.text, found.published) == ("", "0.847")


def test_another_split_is_a_column_of_its_own_without_a_published_value():
    table = build([retrieval(B32, split="test", recall=0.8)]).retrieval
    key = "flickr8k (test) text_to_image_recall@5"
    found = cell(table, B32, key)
    assert (found.text, found.published, found.difference) == ("0.800", "", "")
    assert cell(table, B32, "flickr8k text_to_image_recall@5").text == ""


def test_the_full_split_is_compared_with_the_published_column():
    found = cell(build([retrieval(B32)]).retrieval, B32, "flickr8k text_to_image_recall@5")
    assert (found.published, found.difference) == ("0.532", "-0.032")


def test_a_sample_is_a_column_of_its_own():
    table = build([classification(B32, sample=Subset(500, 1))]).classification
    assert table.headings[-1].title == "vtab/cifar100 (test, sample of 500, seed 1)"
    assert cell(table, B32, CIFAR).text == ""


def test_another_precision_is_a_row_of_its_own_that_says_so():
    results = [classification(B32), classification(B32, precision="float16", acc1=0.64)]
    table = build(results).classification
    assert {row.label for row in table.rows} == {f"{B32} (float32)", f"{B32} (float16)"}
    said = notes(table, cell(table, f"{B32} (float16)", CIFAR))
    assert any("Measured in float16" in note for note in said)


def test_precisions_compare_and_the_rows_name_them():
    results = [classification(B32, precision="float16", acc1=0.5), classification(H14, acc1=0.8)]
    table = build(results).classification
    assert cell(table, H14, CIFAR).bold
    assert [row.label for row in table.rows] == [f"{B32} (float16)", H14]


@pytest.mark.parametrize("decoding", ["scaled", "gpu"])
def test_inexact_decoding_is_a_row_of_its_own_that_compares_with_no_published_figure(decoding):
    results = [classification(B32, acc1=0.6412), classification(B32, acc1=0.7, decoding=decoding)]
    table = build(results).classification
    full, inexact = (
        cell(table, label, CIFAR)
        for label in (f"{B32} (full decoding)", f"{B32} ({decoding} decoding)")
    )
    assert (full.text, full.published, full.difference) == ("0.641", "0.643", "-0.002")
    assert (inexact.text, inexact.published, inexact.difference) == ("0.700", "0.643", "")
    assert any("not comparable with published figures" in note for note in notes(table, inexact))
    assert full.marks == ()


def test_a_row_says_that_decoding_was_scaled_where_it_stands_alone():
    table = build([retrieval("mine", decoding="scaled")]).retrieval
    assert [row.label for row in table.rows] == ["mine (scaled decoding)"]


def test_nothing_is_best_where_the_data_are_mixed():
    results = [classification(B32, data="11" * 32, acc1=0.5), classification(H14, acc1=0.8)]
    table = build(results).classification
    assert not any(cell.bold for row in table.rows for cell in row.cells)
    assert any("different data" in note for note in notes(table, heading(table, CIFAR)))


IMAGES = {
    "siteA": {"data": "11" * 32, "source": "/photos/siteA/images"},
    "siteB": {"data": "22" * 32, "source": "/photos/siteB/images"},
}


def test_two_folders_of_one_name_are_two_columns_that_name_what_differs():
    results = [classification("m", "images", 0.5, **where) for where in IMAGES.values()]
    table = build(results).classification
    assert [h.title for h in table.headings][-2:] == ["images (siteA)", "images (siteB)"]
    assert len({h.key for h in table.headings}) == len(table.headings)
    text = render(build(results), "csv")
    assert "images (siteA)" in text
    assert "images (siteB)" in text


def test_two_folders_of_one_name_are_apart_though_each_model_saw_one_of_them():
    one, two = IMAGES.values()
    results = [classification("a", "images", 0.5, **one), classification("b", "images", **two)]
    table = build(results).classification
    assert cell(table, "a", "images (siteA) acc1").value == 0.5
    assert not cell(table, "b", "images (siteA) acc1").text


def test_data_that_changed_in_their_place_do_not_replace_what_was_measured_before():
    results = [
        classification("m", "images", acc1, data=digest * 32, source="/photos/images")
        for acc1, digest in ((0.5, "11"), (0.6, "22"))
    ]
    table = build(results).classification
    assert [h.title for h in table.headings][-2:] == [
        "images (data 11111111)",
        "images (data 22222222)",
    ]
    assert [c.value for c in table.rows[0].cells[-2:]] == [0.5, 0.6]


def test_two_sets_of_prompts_of_published_data_stand_beside_the_published_value_each():
    results = [classification(B32, acc1=0.64), classification(B32, acc1=0.65, prompts="cc" * 32)]
    table = build(results).classification
    found = [c for c in table.rows[0].cells if c.text]
    assert [(c.text, c.published) for c in found] == [("0.640", "0.643"), ("0.650", "0.643")]
    titles = [h.title for h in table.headings if "prompts" in h.title]
    assert titles == ["CIFAR-100 (prompts bbbbbbbb)", "CIFAR-100 (prompts cccccccc)"]


def test_two_trainings_of_one_name_and_two_normalisations_are_rows_of_their_own():
    trainings = [classification("tuned", checkpoint=digest * 32) for digest in ("11", "22")]
    normalisations = [classification("m", normalisation=how) for how in ("own", "openai")]
    table = build([*trainings, *normalisations]).classification
    assert [row.label for row in table.rows] == [
        "m (openai normalisation)",
        "m (own normalisation)",
        "tuned (11111111)",
        "tuned (22222222)",
    ]


def test_the_best_is_bold_where_the_difference_is_real():
    table = build([classification(B32, acc1=0.5), classification(H14, acc1=0.8)]).classification
    assert cell(table, H14, CIFAR).bold
    assert not cell(table, H14, CIFAR).tied
    assert not cell(table, B32, CIFAR).bold


def test_ties_are_bold_and_marked_and_the_loser_is_not():
    values = {"a": 0.8, "b": 0.795, "c": 0.5}
    table = build([classification(n, acc1=v) for n, v in values.items()]).classification
    assert [cell(table, name, CIFAR).bold for name in values] == [True, True, False]
    assert [cell(table, name, CIFAR).tied for name in values] == [True, True, False]


def test_nothing_is_bold_where_all_are_tied_or_alone():
    tied = build([classification("a", acc1=0.8), classification("b", acc1=0.799)]).classification
    assert [cell(tied, name, CIFAR).bold for name in "ab"] == [False, False]
    assert [cell(tied, name, CIFAR).tied for name in "ab"] == [True, True]
    assert not cell(build([classification("a")]).classification, "a", CIFAR).bold


def test_more_rivals_ask_for_a_wider_difference():
    def bold(rivals):
        results = [classification("best", acc1=0.8), classification("near", acc1=0.783)]
        results += [classification(f"far{i}", acc1=0.1) for i in range(rivals)]
        return cell(build(results).classification, "near", CIFAR).bold

    assert not bold(1)
    assert bold(40)


def test_refused_documents_are_told_beside_the_score():
    documents = Documents(9990, 10, {"image_damaged": 10})
    table = build([classification(B32, documents=documents)]).classification
    said = notes(table, cell(table, B32, CIFAR))
    assert "Partly refused: 10 of 10,000 documents (10 image_damaged)." in said


def test_other_counts_than_the_published_ones_are_told():
    table = build([classification(B32, images=9000)]).classification
    assert "Measured on 9,000 images; published on 10,000." in notes(table, cell(table, B32, CIFAR))


def test_the_embedded_model_is_never_called_zero_shot():
    table = build([classification("ViT-mini-16-64::embedded", "emoji")]).classification
    said = notes(table, cell(table, "ViT-mini-16-64::embedded", "emoji acc1"))
    assert any("not zero-shot" in note for note in said)


def test_the_newest_of_two_equal_runs_is_shown():
    results = [classification(B32, acc1=0.7, created="2026-02"), classification(B32, acc1=0.6)]
    assert cell(build(results).classification, B32, CIFAR).text == "0.700"


def test_published_statistics_of_another_device_are_shown_but_not_compared():
    table = build([], [statistics(B32)]).statistics
    found = cell(table, B32, "image_qps")
    assert (found.text, found.published, found.difference) == ("311", "286", "")
    said = notes(table, table.rows[0])
    assert any("not compared" in note for note in said)
    assert any("EPYC, batch size 8, 1 in flight" in note for note in said)


def test_published_statistics_of_the_same_device_and_precision_are_compared():
    table = build([], [statistics(B32, "float16", "NVIDIA TITAN RTX")]).statistics
    label = f"{B32} (float16)"
    assert cell(table, label, "image_qps").difference == "+25"


def test_vram_that_nobody_measured_is_not_available_rather_than_blank():
    table = build([], [statistics(B32)]).statistics
    found = cell(table, B32, "peak_vram_gb")
    assert (found.text, found.value, found.difference) == ("n/a", None, "")
    assert any("NVML" in note for note in notes(table, found))


def test_disk_is_in_the_published_unit_and_compared_everywhere():
    found = cell(build([], [statistics(B32)]).statistics, B32, "disk_mb")
    assert (found.text, found.published, found.difference) == ("338", "338", "0")


def test_other_cutoffs_are_named():
    table = build([retrieval("mine", "mydata", "test", k=10)]).retrieval
    assert table.headings[-1].title == "Average @10"


HOSTILE = "<script>alert(1)</script>|`*_\\ [x](y) =1+1 & $\\input{x}"


@pytest.mark.parametrize("format_", [form.name for form in FORMATS])
def test_hostile_names_stay_names(format_):
    text = render(build([classification(f"m{HOSTILE}", f"d{HOSTILE}")]), format_)
    assert text
    if format_ == "markdown":
        assert "<script>" not in text
        assert "[x](y)" not in text
        assert len({line.replace("\\|", "").count("|") for line in lines(text, "| ")}) == 1
    if format_ == "latex":
        assert "\\input" not in text
        assert "&" not in text.replace("\\&", "").split("m\\textless")[1].split("\\\\")[0][:60]


def lines(text, start):
    section = text[text.index("## Zero-shot classification") :]
    return [line for line in section.splitlines() if line.startswith(start)]


def test_a_csv_name_is_no_formula():
    text = render(build([classification("=cmd()", "x")]), "csv")
    assert ",'=cmd()," in text


def test_records_tell_a_small_difference_on_the_same_images_where_intervals_cannot(tmp_path):
    from ..compare import simulate

    right = [1] * 800 + [2] * 200
    for model, ranks in (("a", right), ("b", [1] * 785 + [2] * 215), ("c", [2] * 1000)):
        simulate.save(*simulate.classification(ranks, model=model), tmp_path)
    found = load_all(tmp_path)
    apart = build(found).classification
    paired = build(found, observations=observations_in(tmp_path)).classification
    assert cell(apart, "b", "mine acc1").bold
    assert not cell(paired, "b", "mine acc1").bold
    assert cell(paired, "a", "mine acc1").bold
