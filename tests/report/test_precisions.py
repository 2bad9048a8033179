"""Quality beside speed for each precision and runtime of a model."""

from dataclasses import replace

import pytest

from clipbench.encode_settings import EncodeSettings
from clipbench.report import FORMATS, build, render
from clipbench.report.page_data import page_data
from clipbench.report.terminal import tables
from clipbench.results import Latency, Run, Saturation

from .samples import classification, retrieval, settings, statistics
from .test_measured import cell, heading, notes
from .test_terminal import printed

PIXELS = "pixels acc1"
WAYS = {("float32", "torch"): (0.640, 100.0), ("int8", "onnx"): (0.631, 250.0)}


def results_of(model="m", ways=WAYS, dataset="pixels"):
    return [
        classification(model, dataset, acc1=score, precision=precision, runtime=runtime)
        for (precision, runtime), (score, _) in ways.items()
    ]


def speeds_of(model="m", ways=WAYS, device="EPYC", **changes):
    return [
        replace(
            statistics(model, image_qps=qps, text_qps=3 * qps, **changes),
            settings=settings(precision=precision, runtime=runtime),
            run=Run("cpu", device),
        )
        for (precision, runtime), (_, qps) in ways.items()
    ]


def texts(table, label):
    return [found.text for found in next(row for row in table.rows if row.label == label).cells]


def test_a_precision_stands_beside_float32_with_what_it_costs_and_gains():
    table = build(results_of(), speeds_of()).precisions
    assert [row.label for row in table.rows] == [
        f"m (float32, torch): {PIXELS}",
        f"m (int8, onnx): {PIXELS}",
    ]
    columns = [h.key for h in table.headings]
    assert columns == [
        *("score", "score_difference"),
        *("text_qps", "text_ratio", "image_qps", "image_ratio"),
    ]
    assert texts(table, table.rows[0].label) == ["0.640", "", "300", "", "100", ""]
    assert texts(table, table.rows[1].label) == ["0.631", "-0.0090", "750", "2.50", "250", "2.50"]


def test_there_is_no_such_table_while_each_model_ran_in_one_way():
    one = {("float32", "torch"): (0.64, 100.0)}
    results = [*results_of("a", one), *results_of("b", one)]
    assert build(results, speeds_of("a", one)).precisions is None
    assert "What a precision costs" not in render(build(results), "markdown")


def test_only_the_models_that_ran_in_several_ways_are_in_it():
    other = results_of("other", {("float32", "torch"): (0.5, 1.0)})
    table = build([*results_of(), *other], speeds_of()).precisions
    assert {row.model for row in table.rows} == {"m"}


def test_float32_of_another_runtime_is_compared_as_well():
    ways = {("float32", "torch"): (0.64, 100.0), ("float32", "onnx"): (0.64, 130.0)}
    table = build(results_of(ways=ways), speeds_of(ways=ways)).precisions
    label = f"m (onnx): {PIXELS}"
    assert texts(table, label) == ["0.640", "0.0000", "390", "1.30", "130", "1.30"]


def test_without_torch_the_base_is_float32_of_the_same_runtime():
    ways = {("int8", "onnx"): (0.63, 250.0), ("float32", "onnx"): (0.64, 100.0)}
    table = build(results_of(ways=ways), speeds_of(ways=ways)).precisions
    assert texts(table, f"m (int8, onnx): {PIXELS}")[1] == "-0.0100"
    assert texts(table, f"m (int8, onnx): {PIXELS}")[-1] == "2.50"


def test_without_float32_there_is_nothing_to_differ_from():
    ways = {("int8", "onnx"): (0.63, 250.0), ("float16", "torch"): (0.64, 100.0)}
    table = build(results_of(ways=ways), speeds_of(ways=ways)).precisions
    for row in table.rows:
        assert [row.cells[i].text for i in (1, 3, 5)] == ["", "", ""]


def test_a_score_on_other_data_has_no_difference():
    base, other = results_of()
    changed = classification("m", "pixels", 0.631, precision="int8", runtime="onnx", data="11" * 32)
    assert texts(build([base, other]).precisions, f"m (int8, onnx): {PIXELS}")[1] == "-0.0090"
    assert texts(build([base, changed]).precisions, f"m (int8, onnx): {PIXELS}")[1] == ""


def test_a_rate_under_another_load_has_no_ratio():
    slow, fast = speeds_of()
    (_, elsewhere) = speeds_of(concurrency=16)
    assert texts(build([], [slow, fast]).precisions, "m (int8, onnx)")[-1] == "2.50"
    assert texts(build([], [slow, elsewhere]).precisions, "m (int8, onnx)")[-2:] == ["250", ""]


def test_each_data_set_has_its_row_and_retrieval_its_mean_recall():
    results = [
        *results_of(),
        retrieval("m", "emoji", "test", recall=0.5),
        retrieval("m", "emoji", "test", recall=0.4, precision="float16"),
    ]
    table = build(results).precisions
    scored = {row.label: row.cells[0].text for row in table.rows}
    (half,) = [label for label in scored if "float16" in label]
    assert half.endswith(": emoji mean_recall@5")
    assert scored[half] == "0.450"
    assert len(scored) == 4


def points(*files):
    data = page_data(build(*files), ())
    return {m["label"]: m for m in data["models"] if m["kind"] == "measured"}


def test_the_plot_has_a_point_for_each_precision_with_its_own_quality_and_cost():
    found = points(results_of(), speeds_of())
    assert {
        label: (model["quality"][PIXELS]["value"], model["cost"]["image_qps"])
        for label, model in found.items()
    } == {"m (float32, torch)": (0.640, 100.0), "m (int8, onnx)": (0.631, 250.0)}


def test_scores_of_one_way_are_not_joined_with_the_speed_of_another():
    found = points(results_of()[:1], speeds_of())
    assert found["m (float32, torch)"]["cost"]["image_qps"] == 100.0
    assert found["m (int8, onnx)"]["quality"] == {}
    # nor float32 with int8, where each is alone in its table
    found = points(results_of()[:1], speeds_of()[1:])
    assert not any(model["quality"] and model["cost"] for model in found.values())


def test_scores_from_another_device_are_joined_with_the_speed_of_each():
    speeds = [*speeds_of(device="laptop")[:1], *speeds_of(device="server")[:1]]
    found = points(results_of()[:1], speeds)
    joined = sorted(label for label, model in found.items() if model["quality"])
    assert joined == ["m (laptop)", "m (server)"]


def test_an_option_that_one_side_does_not_know_does_not_part_them():
    (found,) = points(results_of()[:1], [statistics("m", image_qps=100.0)]).values()
    assert found["cost"]["image_qps"] == 100.0
    assert found["quality"][PIXELS]["value"] == 0.640


def test_the_same_row_has_the_same_name_in_every_table():
    report = build(results_of()[:1], speeds_of())
    labels = [{row.label for row in table.rows} for table in report.tables if table.rows]
    assert labels[0] >= labels[1] == {"m (float32, torch)"}


SATURATED = {
    "text_saturation": Saturation(1200.0, 16, (1190.0, 1230.0)),
    "image_saturation": Saturation(500.0, 64, (490.0, 505.0), reached=False),
}


def test_the_rate_at_saturation_is_a_column_and_its_load_a_note():
    table = build([], [statistics("m", **SATURATED)]).statistics
    assert [h.key for h in table.headings][-2:] == ["text_saturated_qps", "image_saturated_qps"]
    found = cell(table, "m", "text_saturated_qps")
    assert (found.text, found.interval) == ("1200", (1190.0, 1230.0))
    (said,) = [note for note in notes(table, table.rows[0]) if "Measured on" in note]
    assert said.endswith("1 in flight; texts saturated at 16, images still grew at 64.")


def test_published_columns_stay_alone_where_nothing_was_saturated():
    table = build([], [statistics("m")]).statistics
    assert [h.key for h in table.headings][-1] == "image_qps"


LATENCIES = {
    "text_latency": Latency(0.0101, 0.0203, 0.0305, 100),
    "image_latency": Latency(0.04, 0.05, 0.06, 20),
}


def test_latencies_are_a_table_in_milliseconds():
    report = build([], [statistics("m", **LATENCIES), statistics("older")])
    assert [row.label for row in report.latency.rows] == ["m"]
    assert texts(report.latency, "m") == ["10.1", "20.3", "30.5", "40.0", "50.0", "60.0"]
    assert heading(report.latency, "image_latency_p99").lower_is_better
    (said,) = notes(report.latency, report.latency.rows[0])
    assert "100 texts and 20 images on EPYC" in said
    assert build([], [statistics("older")]).latency is None


def test_latency_is_a_cost_of_the_plot():
    costs = page_data(build(results_of(), speeds_of(**LATENCIES)), ())["costs"]
    (latency,) = [cost for cost in costs if cost["key"] == "image_latency_p50"]
    assert latency["lower"]


@pytest.mark.parametrize("format_", [form.name for form in FORMATS])
def test_every_format_has_all_tables(format_):
    text = render(build(results_of(), speeds_of(**LATENCIES, **SATURATED)), format_)
    titles = ["latency", "precisions"]
    if format_ in ("markdown", "rst", "latex"):
        titles = ["Latency of one document", "What a precision costs"]
    assert all(title in text for title in titles)


def test_the_terminal_shows_them_within_its_width():
    shown = tables(results_of(), speeds_of(**LATENCIES, **SATURATED))
    lines = printed(shown, width=100).splitlines()
    assert any("What a precision costs" in line for line in lines)
    assert any("-0.0090" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_an_unknown_precision_is_joined_with_no_speed():
    imported = replace(
        classification("m", "pixels", 0.64), settings=EncodeSettings.unstated(), run=Run()
    )
    assert not any(m["quality"] and m["cost"] for m in points([imported], speeds_of()).values())
