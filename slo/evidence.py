"""Is it chance? The binomial tail that keeps one unlucky request from waking anybody."""

import math
from fractions import Fraction

import numpy as np

from slo.severity import Severity

# The probability, were the service exactly on its objective, below which chance is ruled out.
LIMITS = {Severity.PAGE: 1e-4, Severity.TICKET: 1e-3, Severity.INFO: 1e-3}

_TOGETHER = 512  # terms
# Where the limits' 1e-4 and 1e-3 lie in a normal curve, about, and how far a binomial's tail is
# longer: only a search's beginning.
_DEVIATIONS, _SKEW = 3.5, 2.0


def tail(bad: int, total: int, bad_share: Fraction) -> float:
    """P(X >= bad) for X ~ Binomial(total, bad_share); relative error about 1e-12.

    Summed from the smaller side, starting with a term made by logarithms of factorials.
    """
    if bad <= 0:
        return 1.0
    if bad > total:
        return 0.0
    share = float(bad_share)
    if bad > total * share:
        return min(1.0, _upper(bad, total, share))
    return max(0.0, 1.0 - _lower(bad - 1, total, share))


def enough_bad(total: int, bad_share: Fraction, limit: float) -> int | None:
    """The fewest bad events among `total` that chance does not explain; None if none would."""
    if total == 0 or tail(total, total, bad_share) >= limit:
        return None
    # Begin where a normal curve would have it, then walk in growing steps until it lies between.
    mean = float(bad_share) * total
    guess = mean + _DEVIATIONS * math.sqrt(mean * (1 - float(bad_share))) + _SKEW
    at = min(max(1, round(guess)), total)
    low, high, stride = 1, total, 1
    if tail(at, total, bad_share) < limit:
        high = at
        while high - stride > 1:
            if tail(high - stride, total, bad_share) >= limit:
                low = high - stride + 1
                break
            high, stride = high - stride, 2 * stride
    else:
        low = at + 1
        while low + stride < total:
            if tail(low + stride, total, bad_share) < limit:
                high = low + stride
                break
            low, stride = low + stride + 1, 2 * stride
    while low < high:
        middle = (low + high) // 2
        if tail(middle, total, bad_share) < limit:
            high = middle
        else:
            low = middle + 1
    return low


def _log_term(count: int, total: int, share: float) -> float:
    return (
        math.lgamma(total + 1)
        - math.lgamma(count + 1)
        - math.lgamma(total - count + 1)
        + count * math.log(share)
        + (total - count) * math.log1p(-share)
    )


def _upper(bad: int, total: int, share: float) -> float:
    """Terms from `bad` upward fall faster than geometrically: bad lies above the mean."""
    first = _log_term(bad, total, share)
    odds = share / (1 - share)
    last = sum_ = 1.0
    for start in range(bad, total, _TOGETHER):
        count = np.arange(start, min(start + _TOGETHER, total), dtype=np.float64)
        terms = last * np.cumprod((total - count) / (count + 1) * odds)
        sum_ += float(terms.sum())
        last = float(terms[-1])
        if last < sum_ * 1e-16:
            break
    return math.exp(first + math.log(sum_))


def _lower(bad: int, total: int, share: float) -> float:
    """P(X <= bad) for bad at or below the mean, from `bad` downward."""
    first = _log_term(bad, total, share)
    odds = (1 - share) / share
    last = sum_ = 1.0
    for start in range(bad, 0, -_TOGETHER):
        count = np.arange(start, max(start - _TOGETHER, 0), -1, dtype=np.float64)
        terms = last * np.cumprod(count / (total - count + 1) * odds)
        sum_ += float(terms.sum())
        last = float(terms[-1])
        if last < sum_ * 1e-16:
            break
    return math.exp(first + math.log(sum_))
