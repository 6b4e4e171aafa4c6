"""The queue of images to translate, its worker threads, and what keeps both bounded."""

import threading
import time
from collections import deque

from cyclegan_tf.serving.errors import ServiceError


class Job:
    """One image on its way.

    Args:
        translator: `translator.Translator`.
        image: Array `(height, width, channels)`.
        size: As for `Translator`.
        seed: As for `Translator`.
        hint: As for `Translator`.
    """

    def __init__(self, translator, image, size=None, seed=0, hint=None):
        self.translator, self.image, self.size, self.seed = translator, image, size, seed
        self.hint = hint
        self.result = self.error = None
        self.given_up = False
        self.done = threading.Event()
        self.entered = time.monotonic()
        self.began = self.ended = None

    @property
    def waited(self):
        """Seconds in the queue."""
        return self.began - self.entered

    @property
    def took(self):
        """Seconds of the translation."""
        return self.ended - self.began


class Workers:
    """Threads that translate jobs; those of one generator that wait at the same time, as a batch.

    Args:
        count: Threads that translate.
        batch: Jobs that one of them takes at a time.
    """

    def __init__(self, count=1, batch=8):
        self.batch = batch
        self._waiting = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._stopped = False
        for number in range(count):
            name = f"translates-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    @property
    def waiting(self):
        """Number of jobs in the queue."""
        return len(self._waiting)

    @property
    def busy(self):
        """Whether a job waits or runs."""
        with self._changed:
            return bool(self._waiting or self._running)

    def run(self, job, seconds):
        """Has a job done.

        Args:
            job: `Job`.
            seconds: How long to wait for it.

        Returns:
            The translated image, an array.

        Raises:
            ServiceError: If the time is up or the workers were stopped.
            Exception: What the translator raised.
        """
        with self._changed:
            if self._stopped:
                raise ServiceError("stopping", "The service is being stopped: try again.")
            self._waiting.append(job)
            self._changed.notify()
        if not job.done.wait(max(0, seconds)):
            job.given_up = True
            raise ServiceError(
                "busy", f"The image was not done within {seconds:.0f} seconds: try again."
            )
        if job.error is not None:
            raise job.error
        return job.result

    def stop(self):
        """Takes no more jobs; those that wait are done still."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self):
        while True:
            with self._changed:
                while not self._waiting:
                    if self._stopped:
                        return
                    self._changed.wait()
                jobs = self._taken()
                self._running += 1
            try:
                _translate([job for job in jobs if not job.given_up])
            finally:
                with self._changed:
                    self._running -= 1
                del jobs  # images are not held until the next ones come

    def _taken(self):
        """The first job, and others of its generator."""
        first = self._waiting.popleft()
        jobs, others = [first], deque()
        while self._waiting and len(jobs) < self.batch:
            job = self._waiting.popleft()
            alike = (job.translator, job.size) == (first.translator, first.size)
            (jobs if alike else others).append(job)
        self._waiting.extendleft(reversed(others))
        return jobs


def _translate(jobs):
    """Translates jobs as a batch; if that fails, each alone, so that one spoils no other."""
    if not jobs:
        return
    began = time.monotonic()
    first = jobs[0]
    try:
        results = first.translator.several(
            [job.image for job in jobs],
            first.size,
            [job.seed for job in jobs],
            hints=[job.hint for job in jobs],
        )
        for job, result in zip(jobs, results, strict=True):
            job.result = result
    except Exception as error:
        if len(jobs) > 1:
            for job in jobs:
                _translate([job])
            return
        first.error = error
    for job in jobs:
        job.image = job.hint = None
        job.began, job.ended = began, time.monotonic()
        job.done.set()


class Budget:
    """How much of something may be held at a time, by all together.

    Args:
        total: How much.
        refusal: What is said to those who get nothing in time.
    """

    def __init__(self, total, refusal):
        self.total = self._left = total
        self._refusal, self._changed = refusal, threading.Condition()

    @property
    def held(self):
        """How much is held at the moment."""
        return self.total - self._left

    def take(self, amount, seconds=0):
        """Waits until so much is free, and holds it.

        Args:
            amount: At most the total.
            seconds: How long to wait.

        Returns:
            A function without arguments that gives it back; called again it does nothing.

        Raises:
            ServiceError: If the time is up.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._left >= amount, timeout=max(0, seconds)):
                raise ServiceError("busy", self._refusal)
            self._left -= amount
        given = threading.Lock()

        def give_back():
            if given.acquire(blocking=False):
                with self._changed:
                    self._left += amount
                    self._changed.notify_all()

        return give_back
