"""The expected calibration error after a temperature."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.calibration import Confidences
from clipbench.metrics.measures.calibration_error import CalibrationError
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True)
class ScaledCalibrationError(CalibrationError):
    """As `ece`, after the temperature that was fitted on the half in which an image is not.

    With several labels an image, a temperature and an offset.
    """

    name = "ece_scaled"

    @property
    def heading(self) -> str:
        return "ECE after temperature"

    def errors(self, found: Confidences) -> Float64Array | None:
        return found.after
