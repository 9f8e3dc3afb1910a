"""What the reward service counts beyond what every server does; see `sqlenv.telemetry.metrics`."""

from __future__ import annotations

from sqlenv.telemetry.service import Telemetry


class RewardMetrics:
    """Steps scored, verdicts, and the caches."""

    def __init__(self, telemetry: Telemetry) -> None:
        metrics = telemetry.metrics
        self.steps = metrics.counter("sqlenv_scored_steps", "Steps scored, by rubric.", "rubric")
        self.verdicts = metrics.counter("sqlenv_verdicts", "Answers judged, by verdict.", "verdict")
        self.cache = metrics.counter(
            "sqlenv_cache_requests",
            "Look-ups of levels (progress), judgements (answers' SQL) and instances (open databases of the suite) that "
            "are kept: hit is true or false.",
            "cache",
            "hit",
        )

    def looked_up(self, cache: str, found: bool) -> None:
        """Counts a look-up."""
        self.cache[cache, "true" if found else "false"].inc()
