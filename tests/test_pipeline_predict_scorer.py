"""What a threshold decides, and which numbers are none."""

import math

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.predict.scorer import Threshold, given_threshold


def test_a_score_at_the_threshold_is_live_and_infinite_thresholds_decide():
    threshold = Threshold(0.5, -math.inf, "fixed", "", "")
    assert threshold.decide("frame", 0.5) == "live"
    assert threshold.decide("frame", np.nextafter(0.5, 0)) == "spoof"
    assert threshold.decide("video", 0.0) == "live"
    assert Threshold(None, math.inf, "fixed", "", "").decide("frame", 1.0) is None
    assert Threshold(None, math.inf, "fixed", "", "").decide("video", 1.0) == "spoof"


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_threshold_that_is_no_finite_number_is_refused(number):
    with pytest.raises(UserError, match="finite"):
        given_threshold(number)
