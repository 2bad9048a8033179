"""docs/contract.md lists what the code has, no more and no less."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from clipbench import errors
from clipbench.access.tokens import role_for
from clipbench.contract import Reason, endpoints
from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import image_document, text_document
from clipbench.contract.limits import Limits
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.encode_settings import setting_choices
from tests.flow.flow_server import ROOT
from tests.flow.jobs import SmallJob
from tests.flow.pictures import png

PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def rows(heading):
    """The cells of every table row below a heading, by the first cell without its backticks."""
    section = re.split(r"^## ", PAGE.split(f"## {heading}\n")[1], flags=re.MULTILINE)[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("| ---")
    ]
    return {first.strip("`"): rest for first, *rest in cells}


def names(text):
    return re.findall(r"`([^`]+)`", text)


def test_every_endpoint_has_its_role():
    listed = rows("Endpoints")
    del listed["endpoint"]
    assert set(listed) == endpoints.FIXED | {"/encode/<model>", "/rank/<model>"}
    for endpoint, (role, *_) in listed.items():
        assert role == role_for(endpoint).name.lower()


def test_the_flow_serves_these_endpoints_and_no_others(connection):
    import json

    from clipbench.errors import InvalidRequest

    (answer,) = connection.request("/models")
    assert "ViT-mini-16-64::embedded" in json.loads(answer.text)["names"]
    with pytest.raises(InvalidRequest) as caught:
        connection.request("/no-such-endpoint-at-all-qqq")
    message = str(caught.value)
    for endpoint in endpoints.FIXED:
        assert f"{endpoint}," in message + ","


def test_every_reason_is_listed():
    listed = rows("Outcomes")
    del listed["reason"]
    assert list(listed) == [str(reason) for reason in Reason]
    assert all(when for (when,) in listed.values())


def test_every_limit_has_its_default():
    listed = rows("Limits")
    del listed["limit"]
    defaults = Limits()
    assert {name: int(default) for name, (default, _) in listed.items()} == {
        field.name: getattr(defaults, field.name) for field in fields(Limits)
    }


def test_every_error_of_the_server_has_its_code():
    listed = rows("Errors")
    del listed["class"]
    assert {name: code.strip("`") for name, (code, _) in listed.items()} == {
        name: value.code
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.ClipbenchError)
        and value not in (errors.ClipbenchError, errors.DataError)  # the client's own
    }


def test_every_parameter_is_listed():
    listed = set(rows("Parameters")) - {"parameter"}
    job = {field.name for field in fields(JobSpec)} - {"task", "options"}
    model = {field.name for field in fields(ModelOptions)} - {"settings"}
    assert listed == job | model | set(setting_choices())


@pytest.mark.parametrize(("parameter", "values"), setting_choices().items())
def test_every_value_of_a_choice_is_listed(parameter, values):
    assert set(names(rows("Parameters")[parameter][1])) == {str(value) for value in values}


@pytest.fixture(scope="module")
def answers(connection):
    """One small job of each task, sent to the end."""
    given = {}
    for task in ("classification", "retrieval"):
        job = SmallJob(connection, task, f"page-{task}")
        given[task, "state"] = job.open()
        if task == "classification":
            job.prompts()
        labels = (1,) if task == "classification" else None
        images = [image_document(f"i{n}", n, png(n), labels) for n in range(3)]
        job.send("images", [*images, image_document("bad", 9, b"no", labels)])
        if task == "retrieval":
            job.send("texts", [text_document(f"t{n}", n, f"text {n}", f"i{n}") for n in range(3)])
        given[task, "result"] = job.result()
        given[task, "record"] = job.records("image")[0]
        given[task, "refused"] = job.records("refused")[0]
        given[task, "deleted"] = job.delete()
    return given


@pytest.mark.parametrize("task", ["classification", "retrieval"])
def test_answers_have_the_listed_keys(answers, task):
    listed = {name: names(keys) for name, (keys,) in rows("Answers").items()}
    assert list(answers[task, "state"]) == listed["state"]
    both, own = listed["result, both"], listed[f"result, {task}"]
    assert set(answers[task, "result"]) == {*both, *own}
    assert list(answers[task, "record"]) == listed["record"]
    assert list(answers[task, "refused"]) == listed["record of a refused document"]
    assert [field.name for field in fields(BatchOutcome)] == listed["outcome"]
    assert answers[task, "deleted"] == {"deleted": f"page-{task}"}


def test_the_documents_of_a_job_have_the_listed_tags():
    from clipbench.contract.documents import prompt_document

    listed = rows("Documents of a job")
    assert {"version", "ids", "sizes", "tags"} <= set(listed)
    made = {
        "image of classification": image_document("a", 0, b"x", (1,)),
        "image of retrieval": image_document("a", 0, b"x", None),
        "text": text_document("a", 0, "x", "b"),
        "prompt": prompt_document(0, 0, "x"),
    }
    for name, document in made.items():
        assert set(document.tags) == set(names(listed[name][-1]))
