"""One type holds the settings of an encoding, from the command line to the encoder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import (
    Activation,
    EncodeSettings,
    Precision,
    setting_choices,
    setting_help,
)
from clipbench.errors import InvalidRequest


def test_settings_come_back_from_the_parameters_of_a_request():
    for name, choices in setting_choices().items():
        for choice in choices:
            settings = EncodeSettings(**{name: choice})
            assert ModelOptions.read(ModelOptions("m", settings).parameters()).settings == settings


def test_names_may_be_strings_and_must_exist():
    assert EncodeSettings(precision="float16").precision is Precision.FLOAT16
    for wrong in ("float8", "", 8.0, True, {"a": 1}, [1]):
        with pytest.raises(InvalidRequest, match=r"precision .* is not one of float32, float16"):
            EncodeSettings.read({"precision": wrong})


def test_what_is_not_named_is_taken_from_the_model():
    own = EncodeSettings(activation="quickgelu", interpolation="bicubic")
    asked = EncodeSettings(precision="bfloat16")
    assert asked.over(own) == EncodeSettings("bfloat16", "torch", "quickgelu", "own", "bicubic")
    assert EncodeSettings(activation="gelu").over(own).activation is Activation.GELU


def test_what_another_program_does_not_state_stays_unknown():
    known = EncodeSettings.unstated(activation="gelu")
    assert known.named() == {"activation": "gelu"}
    assert known != EncodeSettings(activation="gelu")


def test_each_setting_says_what_it_chooses():
    assert all(setting_help(name).endswith(".") for name in setting_choices())


def test_settings_need_no_torch():
    code = "import sys, clipbench.encode_settings as _; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
