from rich.console import Console

from clipbench.report.terminal import tables

from .samples import classification, retrieval, statistics


def printed(shown, width=100):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in shown:
        console.print(table)
    return console.export_text()


def test_the_terminal_shows_the_three_tables_without_empty_columns():
    text = printed(
        tables([classification("mine", "emoji"), retrieval("mine", "x", "test")], [statistics("m")])
    )
    for title in ("Size and efficiency", "Zero-shot retrieval", "Zero-shot classification"):
        assert title in text
    assert "ImageNetV2" not in text
    assert "0.800 ±0.010" in text


def test_a_table_without_rows_is_left_out():
    assert len(tables([classification("mine")])) == 1


def test_markup_in_a_name_is_printed_not_obeyed():
    text = printed(tables([classification("[bold red]x[/]", "[link=http://a]d[/]")]))
    assert "[bold red]x[/]" in text
