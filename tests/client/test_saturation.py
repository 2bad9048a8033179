"""Where a rate stops growing, on rates made by hand."""

from __future__ import annotations

import pytest

from clipbench.client.saturation import saturation


def search(rates, **how):
    """What is found, and which numbers of requests in flight were tried."""
    tried = []

    def measured(in_flight):
        tried.append(in_flight)
        return rates[in_flight]

    return saturation(measured, 4, **how), tried


def test_the_search_ends_with_the_doubling_that_gains_less_than_five_per_cent():
    found, tried = search({4: [100], 8: [150], 16: [160], 32: [164], 64: [400]})
    # 160 to 164 is 2.5 %; what 64 would give is not asked
    assert (found.qps, found.concurrency, found.reached) == (160, 16, True)
    assert tried == [4, 8, 16, 32]


@pytest.mark.parametrize(("doubled", "concurrency"), [(104.9, 4), (105.0, 8)])
def test_five_per_cent_still_is_growth(doubled, concurrency):
    found, _ = search({4: [100], 8: [doubled], 16: [doubled]})
    assert found.concurrency == concurrency


def test_a_rate_that_falls_is_saturated_before_it_does():
    found, tried = search({4: [100], 8: [60]})
    assert (found.qps, found.concurrency, tried) == (100, 4, [4, 8])


def test_a_rate_that_grows_to_the_end_is_told_not_to_be_saturated():
    found, tried = search({n: [n] for n in (4, 8, 16, 32, 64)})
    assert (found.qps, found.concurrency, found.reached) == (64, 64, False)
    assert tried == [4, 8, 16, 32, 64]
    assert search({4: [4], 8: [8]}, most=8)[0].reached is False


def test_medians_decide_and_the_spread_is_of_the_number_that_was_found():
    found, tried = search({4: [90, 100, 300], 8: [108, 110, 20], 16: [111, 500, 0]})
    assert tried == [4, 8, 16]
    assert (found.qps, found.concurrency, found.spread) == (108, 8, (20, 110))
