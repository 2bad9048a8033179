"""The setting `checkpoints` carries any name and path."""

from pathlib import Path

import pytest

from clipbench import config
from clipbench.config import Settings
from clipbench.encode_settings import Activation
from clipbench.errors import InvalidRequest
from clipbench.weights.own import UserCheckpoint, as_text, parse

HERE = Path("/where/the/command/was/given")


def one(text):
    (found,) = parse(text, HERE)
    return found.name, found.architecture, str(found.path)


@pytest.mark.parametrize(
    "path",
    [
        "/m/epoch.pt",
        "/m/lr=1e-3,wd=0.2/epoch 3.pt",
        "/m/a,b=c, d.pt",
        "/m/odd.json=thing.pt",
        "/m/name with spaces.pt",
    ],
)
@pytest.mark.parametrize("architecture", ["ViT-B-32", "/a=b/shape, x.json", "/m/c.json"])
def test_a_path_may_hold_commas_equals_signs_and_spaces(path, architecture):
    assert one(f"tuned={architecture}={path}") == ("tuned", architecture, path)
    first, second = parse(f"one={architecture}={path},two=RN50=/b.pt", HERE)
    assert (str(first.path), second.name, str(second.path)) == (path, "two", "/b.pt")


def test_relative_paths_are_of_the_folder_where_the_command_was_given():
    assert one("t=shape.json=ckpt/epoch.pt") == (
        "t",
        f"{HERE}/shape.json",
        f"{HERE}/ckpt/epoch.pt",
    )
    assert one("t=ViT-B-32=~/epoch.pt")[2] == str(Path("~/epoch.pt").expanduser())


@pytest.mark.parametrize("activation", [None, Activation.QUICKGELU])
def test_json_carries_every_path_and_is_what_other_processes_get(activation):
    odd = UserCheckpoint("a", Path("/x,b=RN50=/y.pt"), "/c=d.json=e,.json", activation)
    plain = UserCheckpoint("two", Path("/z.pt"), "RN50")
    assert parse(as_text([odd, plain]), HERE) == (odd, plain)
    assert parse(as_text([]), HERE) == ()


@pytest.mark.parametrize(
    "text",
    ["tuned", "tuned=/m/x.pt", "=a=b", "[1]", "[", '[{"name": "a"}]', '[{"name": 1, "path": 2}]'],
)
def test_another_form_is_refused_with_the_right_one(text):
    with pytest.raises(InvalidRequest, match=r"NAME=ARCHITECTURE=PATH|JSON"):
        parse(text, HERE)


def test_every_path_of_the_settings_is_of_that_folder():
    given = Settings(
        state="s", token_file="tokens", tls_key="~/key", checkpoints="rel=shape.json=ckpt/epoch.pt"
    )
    found = config.absolute(given, HERE)
    assert found.state == f"{HERE}/s"
    assert found.token_file == f"{HERE}/tokens"
    assert found.tls_key == str(Path("~/key").expanduser())
    assert found.tls_certificate == ""
    assert str(parse(found.checkpoints, Path("/elsewhere"))[0].path) == f"{HERE}/ckpt/epoch.pt"
