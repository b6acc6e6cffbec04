"""The sentences about threshold rules: what was seen, against which limit, and where."""

import re
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from math import floor

from alerting.alert import Facts
from alerting.wording import (
    NO_DATA_WORDS,
    NoDataCause,
    capital,
    duration,
    moment,
    sentences,
)
from slo.limit import Unit
from slo.outage import Outage
from slo.rule import (
    DownCheck,
    FailuresCheck,
    GaugeCheck,
    QuantileCheck,
    RateCheck,
    RatioCheck,
    Rule,
    RunCheck,
)
from slo.rule_reading import Reading, Value
from slo.rule_status import RuleStatus
from slo.selector import Selector
from slo.status import Verdict
from slo.units import format_duration

_SERIES_SHOWN = 3
_SIGN = re.compile(r"(?<=\d)%")


def limit_text(rule: Rule) -> str:
    """`above 70 % for 5m, until below 60 %`: what it takes."""
    check = rule.check
    if isinstance(check, FailuresCheck):
        return f"{check.least} of the last {check.of} runs failed" + _until(check)
    if isinstance(check, DownCheck):
        runs = "a run failed"
        if check.down_for:
            runs = f"every run failed for {format_duration(check.down_for)}"
        return f"{runs}, and so did a look {format_duration(check.recheck)} later" + _until(check)
    text = _written(check.bounds)
    match check:
        case GaugeCheck():
            pass
        case QuantileCheck(quantile=quantile, over=over):
            text = f"{_quantile(quantile)} {text} over {format_duration(over)}"
        case RatioCheck(over=over) | RateCheck(over=over):
            text = f"{text} over {format_duration(over)}"
    if rule.for_:
        text += f" for {format_duration(rule.for_)}"
    if check.bounds.clear is not None:
        back = "below" if check.bounds.side == "above" else "above"
        text += f", until {back} {_written(check.bounds.clear)}"
    return text


def _until(check: RunCheck) -> str:
    return f", until {check.recovery} in a row passed" if check.recovery > 1 else ""


def _written(limit: object) -> str:
    """A limit as measured values are written: `above 70 %`, where its file says `70%`."""
    return _SIGN.sub(" %", str(limit))


def value_text(value: Value, unit: Unit) -> str:
    """A value as people read it: `83.2 %`, `2.31 s`, `12.4/m`, `1,234`. Never rounded up."""
    if unit is Unit.SHARE:
        return _percent(value)
    if unit is Unit.SECONDS:
        return f"{_digits(value)} s"
    return f"{_digits(value)}/{unit.letter}" if unit.letter else _digits(value)


def measured_text(seen: RuleStatus) -> str:
    """What it saw last, in a clause; `nothing yet` before that."""
    check, reading = seen.rule.check, seen.reading
    match check:
        case DownCheck():
            return _run_text(seen.outage)
        case FailuresCheck():
            return _runs_text(seen.outage)
        case GaugeCheck():
            if reading.value is None:
                return "nothing yet"
            return value_text(reading.value, check.bounds.limit.unit)
        case RateCheck():
            if reading.value is None or reading.sums is None:
                return "nothing yet"
            over = duration(reading.sums.observed)
            rate = value_text(reading.value, check.bounds.limit.unit)
            return f"{rate} ({reading.sums.bad:,} in {over})"
        case RatioCheck():
            good = bool(check.good)
            word = "good" if good else "bad"
            return _share_text(reading, word, check.least)
        case QuantileCheck():
            return _share_text(reading, f"above {_written(check.bounds.limit)}", check.least)


def facts_of_rule(seen: RuleStatus) -> Facts:
    """The evidence for a rule that fires, or no longer does."""
    rule, check = seen.rule, seen.rule.check
    measured = measured_text(seen)
    headline = measured if isinstance(check, RunCheck) else f"{measured}, {limit_text(rule)}"
    if isinstance(check, QuantileCheck):
        headline = f"{_quantile(check.quantile)} {_written(check.bounds)}: {measured}"
    if isinstance(check, GaugeCheck) and seen.reading.series:
        headline += f" ({_where(seen.reading)})"
    return Facts(
        headline=headline,
        reason=reason(seen),
        measured=measured,
        limit=limit_text(rule),
        series=series_text(seen) or None,
        since=seen.outage.first if isinstance(check, RunCheck) else None,
    )


def reason(seen: RuleStatus) -> str:
    """Why it says what it says, in a clause."""
    measured = measured_text(seen)
    if seen.excluded:
        return f"planned work goes on, in which it says nothing: {measured}"
    if seen.verdict is Verdict.FROZEN and not isinstance(seen.rule.check, RunCheck):
        return _why_frozen(seen)
    match seen.rule.check:
        case DownCheck():
            return _why_down(seen.rule, seen.outage)
        case FailuresCheck():
            return _why_counted(seen.outage)
        case GaugeCheck() as check:
            return _why_gauge(check, seen)
        case RateCheck(counter=counter):
            counted = f"counted by {_names(counter)}"
        case RatioCheck(bad=bad, good=good, total=total):
            counted = f"counted by {_names(bad or good)} of {_names(total)}"
        case QuantileCheck(histogram=histogram, allowed=allowed, bounds=bounds):
            counted = (
                f"counted by {_names(histogram)}; {_percent(allowed)} may be {_written(bounds)}"
            )
    return counted if seen.verdict is Verdict.TRUE else f"{measured}, {counted}"


def no_data_facts_of_rule(
    rule: Rule, last: datetime | None, now: datetime, cause: NoDataCause, detail: str
) -> Facts:
    """Nothing is seen for it any more. `detail` is the collector's own sentence about it."""
    words = NO_DATA_WORDS[cause]
    waited = f" for {duration(now - last)}" if last else ""
    seen = f"the last value came at {moment(last)}" if last else "no value ever came"
    return Facts(
        headline=f"no data{waited}: {words}",
        reason=sentences(capital(words), capital(seen), capital(detail)),
        limit=limit_text(rule),
    )


def data_again_of_rule(rule: Rule) -> Facts:
    """Values come again."""
    return Facts("data comes again", "Values come again.", limit=limit_text(rule))


def passed_remark(rule: Rule, outage: Outage, at: datetime) -> str:
    """A confirming look passed: what that ended."""
    return sentences(
        f"{rule.name}: a confirming look at {at:%H:%M:%S} UTC passed after "
        f"{outage.failures} failures in {duration(outage.lasted)}",
        "Nobody is told, and it begins anew",
    )


def _run_text(outage: Outage) -> str:
    if not outage.failures:
        return "up"
    runs = "run" if outage.failures == 1 else "runs"
    return f"down for {duration(outage.lasted)}, {outage.failures} {runs} failed one after another"


def _why_down(rule: Rule, outage: Outage) -> str:
    if not outage.failures or outage.first is None:
        return "the probe passes"
    text = f"every run has failed since {outage.first:%H:%M:%S} UTC: {outage.detail}"
    if outage.confirmed and isinstance(rule.check, DownCheck):
        recheck = format_duration(rule.check.recheck)
        text = sentences(text, f"A look {recheck} later failed too: {outage.confirmed}")
    return text


def _runs_text(outage: Outage) -> str:
    if not outage.failures:
        return "up"
    return f"{outage.failures} of the last {len(outage.runs)} runs failed"


def _why_counted(outage: Outage) -> str:
    if not outage.failures or outage.first is None:
        return "the probe passes"
    text = f"{_runs_text(outage)} since {outage.first:%H:%M:%S} UTC, the newest: {outage.detail}"
    if outage.passes:
        runs = "run has" if outage.passes == 1 else "runs have"
        text += f"; the last {outage.passes} {runs} passed"
    return text


def _why_gauge(check: GaugeCheck, seen: RuleStatus) -> str:
    reading, names = seen.reading, _names(check.metric)
    how_many = f"{reading.beyond:,}" if reading.beyond else "none"
    verb = "are" if reading.beyond > 1 else "is"
    text = f"{how_many} of {reading.found:,} series of {names} {verb} {_written(check.bounds)}"
    if seen.verdict is Verdict.TRUE and not reading.beyond:
        back = "below" if check.bounds.side == "above" else "above"
        text += f", and it goes on until {back} {_written(check.bounds.clear)}"
    return text


def _names(selectors: Iterable[Selector]) -> str:
    return ", ".join(map(str, selectors))


def _why_frozen(seen: RuleStatus) -> str:
    check, reading = seen.rule.check, seen.reading
    if isinstance(check, GaugeCheck | RunCheck) or reading.sums is None:
        if reading.seen_at is None:
            return "no value has come yet: nothing can be said"
        return f"no value has come since {moment(reading.seen_at)}: nothing can be said"
    known = duration(reading.sums.observed)
    return f"only {known} of the last {format_duration(check.over)} are known: too little to judge"


def _share_text(reading: Reading, word: str, least: int) -> str:
    if reading.sums is None:
        return "nothing yet"
    total = reading.sums.total
    if reading.value is None:
        few = f", fewer than {least:,}" if least > 1 else ""
        return f"{total:,} events{few}" if total else "no events"
    part = floor(Fraction(reading.value) * total)
    return f"{_percent(Fraction(reading.value))} of {total:,} events {word} ({part:,})"


def _where(reading: Reading) -> str:
    name, _ = reading.series[0]
    if reading.beyond > 1:
        return f"{name} and {reading.beyond - 1} more of {reading.found} series"
    return name


def series_text(seen: RuleStatus) -> str:
    """The worst series of a gauge with their values; nothing for the rest."""
    check = seen.rule.check
    if not isinstance(check, GaugeCheck):
        return ""
    unit, told = check.bounds.limit.unit, seen.reading.series[:_SERIES_SHOWN]
    text = ", ".join(f"{name} {value_text(value, unit)}" for name, value in told)
    left = seen.reading.found - len(told)
    return f"{text}, and {left:,} more" if left else text


def _percent(ratio: Fraction | float) -> str:
    """`12.4 %`, cut to a tenth, so that it can be told from the limit that it is above or below."""
    # A float's shortest text is the number that was meant: 0.124, not 0.12399999999999999911.
    exact = ratio if isinstance(ratio, Fraction) else Fraction(repr(float(ratio)))
    tenths = floor(exact * 1000)
    if tenths == 0:
        return "less than 0.1 %" if exact > 0 else "0 %"
    whole, tenth = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}{f'.{tenth}' if tenth else ''} %"


def _quantile(quantile: Fraction) -> str:
    """`p99`, `p99.9`."""
    return f"p{float(quantile * 100):g}"


def _digits(value: Value) -> str:
    """Three digits that tell, cut off: 0.0123, 12.3, 1,234."""
    exact = Fraction(value)
    size, scale = abs(exact), 1
    while size and size * scale < 100 and scale < 10**9:
        scale *= 10
    cut = Fraction(floor(size * scale), scale)
    text = f"{float(cut):,.9f}".rstrip("0").rstrip(".")
    return f"-{text}" if exact < 0 and cut else text
