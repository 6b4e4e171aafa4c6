"""Monitoring: metrics for Prometheus, and the drift of inputs from the training images."""

import threading
from collections import defaultdict, deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: Of how many images the share beyond the alarm level is taken, and from how many on.
RECENT, ENOUGH = 200, 20
#: The share from which on the inputs count as drifted; one in a hundred is expected.
ALARM = 0.2
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Monitor:
    """Counts and measures for `GET /metrics`; names of models are the only words from outside.

    Args:
        log: Function that takes a sentence; it is told when inputs begin and cease to drift.
        waiting: Function that gives the length of the queue.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, log, waiting):
        self._log = log
        self.registry = CollectorRegistry()
        of_model = ["model", "direction"]

        def make(kind, name, text, labels=(), **options):
            name = f"cyclegan_tf_{name}"
            return kind(name, text, labels, registry=self.registry, **options)

        self.answers = make(Counter, "http_requests", "Answers.", ["route", "status"])
        self.translations = make(
            Counter, "translations", "Requests to translate, by outcome.", [*of_model, "outcome"]
        )
        self.seconds = make(
            Histogram,
            "seconds",
            "Seconds that an image waited, was translated, and took in all.",
            [*of_model, "stage"],
            buckets=_SECONDS,
        )
        self.distances = make(
            Histogram,
            "input_distance",
            "Distance of inputs from the training images, in alarm levels.",
            of_model,
            buckets=(0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8, 16),
        )
        self.drift = make(
            Gauge, "input_drift", f"Share of the last {RECENT} inputs beyond alarm level.", of_model
        )
        self.alarm = make(
            Gauge, "input_drift_alarm", f"1 where that share is above {ALARM}.", of_model
        )
        self.models = make(Gauge, "models", "Directions that are served.")
        self.reloads = make(Counter, "reloads", "Times that the list of models has changed.")
        self.problems = make(Gauge, "unusable_files", "Files that cannot be served.")
        make(Gauge, "queue", "Images that wait.").set_function(waiting)
        self._recent = defaultdict(lambda: deque(maxlen=RECENT))
        self._lock = threading.Lock()
        self.drifted = {}

    def record(self, model, direction, distance, alarm):
        """Takes note of an input's distance from the training images, and the level of alarm."""
        key = (model, direction)
        self.distances.labels(*key).observe(distance / alarm)
        with self._lock:
            recent = self._recent[key]
            recent.append(distance > alarm)
            share = sum(recent) / len(recent)
            drifted = len(recent) >= ENOUGH and share > ALARM
            changed = drifted != (key in self.drifted)
            self.drifted.pop(key, None)
            if drifted:
                self.drifted[key] = share
        self.drift.labels(*key).set(share)
        self.alarm.labels(*key).set(drifted)
        if changed:
            text = "are unlike its training images" if drifted else "are like them again"
            self._log(f"inputs of {model} {direction} {text} ({share:.0%} of the last ones)")

    def text(self):
        """What Prometheus reads."""
        return generate_latest(self.registry)
