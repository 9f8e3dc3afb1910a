"""Counters and histograms that cost a step next to nothing, shown by the Prometheus client's registry.

The library's own take a lock and half a microsecond to two each time, several times a step; these are plain numbers. So
they are counted on the event loop alone, and read, by a scrape's thread, as they happen to stand.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Tally:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        """Adds one."""
        self.value += 1


class Distribution:
    """How many values fell below each bound, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Adds a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Bounds and how many values were at most that, as Prometheus writes them."""
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        return list(zip(names, accumulate(self.counts), strict=True))


class Counters(dict[Any, Tally]):
    """A counter by the values of its labels: the value itself where it has one label, else a tuple of them."""

    def __missing__(self, values: Any) -> Tally:
        made = self[values] = Tally()
        return made


class Histograms(dict[Any, Distribution]):
    """A histogram by the values of its labels, as `Counters`."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__()
        self._bounds = bounds

    def __missing__(self, values: Any) -> Distribution:
        made = self[values] = Distribution(self._bounds)
        return made


@dataclass(frozen=True, eq=False)
class Shown(Collector):
    """Shows the registry what is kept: counters, histograms, or the number that a function gives."""

    name: str
    words: str
    service: str
    labels: tuple[str, ...]
    kept: Counters | Histograms | Callable[[], float]

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """For the registry."""
        labels = ("service", *self.labels)
        if isinstance(self.kept, Histograms):
            histogram = HistogramMetricFamily(self.name, self.words, labels=labels)
            for values, kept in self.kept.copy().items():
                histogram.add_metric(self._values(values), kept.buckets(), kept.sum)
            yield histogram
            return
        counter = CounterMetricFamily(self.name, self.words, labels=labels)
        if isinstance(self.kept, Counters):
            for values, tally in self.kept.copy().items():
                counter.add_metric(self._values(values), tally.value)
        else:
            counter.add_metric([self.service], self.kept())
        yield counter

    def _values(self, values: Any) -> list[str]:
        return [self.service, *(values if isinstance(values, tuple) else (values,))]
