"""The server on a socket: Waitress, with time limits of our own and an end that loses nothing."""

import contextlib
import signal
import threading
import time

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.serving.errors import STATUS, ServiceError

#: Threads beyond those that images may take, for everything that answers at once.
SPARE = 6
#: Seconds after which a connection on which nothing happens is closed.
IDLE = 15
_CODES = {413: "too_many_bytes", 431: "too_large_headers"}
_SENTENCES = {
    "too_many_bytes": "The request is larger than what is accepted: send less.",
    "too_large_headers": "The headers are larger than what is accepted: send fewer.",
    "bad_request": "The request is not well-formed HTTP: mend it.",
}


class _JsonErrors(ErrorTask):
    """Answers what is no request in the form of all other errors."""

    def execute(self):
        code = _CODES.get(self.request.error.code, "bad_request")
        error = ServiceError(code, _SENTENCES[code])
        body = self.channel.server.json(error.to_json())
        self.status = f"{STATUS[code]} {self.request.error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _JsonErrors
    #: When the request that is arriving, or the answer that is being fetched, began.
    began = None


class Server(TcpWSGIServer):
    """Serves a `Service` until it is stopped: `Server(service).run()`.

    Args:
        service: `service.Service`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one (see `port`).
        refresh: Seconds between two looks at the folder of models.

    Raises:
        InputError: If there is no such port, or the address cannot be had.
    """

    channel_class = _Channel

    def __init__(self, service, host="127.0.0.1", port=8000, refresh=2.0):
        if not 0 <= port <= 65535:  # the system would take the rest of a division
            raise InputError(f"port must be from 0 to 65535, received {port}.")
        self.service, self.limits = service, service.limits
        application = service.app()
        self.json = lambda value: application.json.dumps(value).encode()
        adjustments = Adjustments(
            host=host,
            port=port,
            threads=self.limits.queue + SPARE,
            connection_limit=self.limits.connections,
            # Nothing is written to disk: what overflowed would be.
            inbuf_overflow=2**40,
            outbuf_overflow=2**40,
            # One byte more than the service refuses in words of its own.
            max_request_body_size=self.limits.bytes + 2**17,
            max_request_header_size=2**15,
            channel_timeout=min(self.limits.transfer, IDLE),
            cleanup_interval=1,
            expose_tracebacks=False,
            ident=None,
            log_socket_errors=False,
        )
        try:
            super().__init__(application, adj=adjustments)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{host}:{port} cannot be listened on ({error}): give another --host or --port."
            ) from error
        self.port = int(self.effective_port)
        self.url = f"http://{host}:{self.port}/"
        self._refresh, self._ended, self._thread = refresh, threading.Event(), None
        self._overdue = []

    def start(self):
        """Serves in a thread of its own, as notebooks and tests want it; `stop` ends it.

        Returns:
            The server itself.
        """
        self._thread = threading.Thread(target=self.run, name="serves", daemon=True)
        self._thread.start()
        return self

    def run(self):
        """Serves; returns after `stop`."""
        watcher = threading.Thread(target=self._watch, name="looks for models", daemon=True)
        watcher.start()
        while not self._ended.is_set():
            wasyncore.loop(timeout=0.5, map=self._map, use_poll=True, count=1)
            # Not within the loop: a new connection may get the number of one that is closed there,
            # and would be taken for it.
            while self._overdue:
                self._overdue.pop().handle_close()
        self.service.catalogue.close()
        self.task_dispatcher.shutdown(timeout=1)
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        self.close()

    def run_until_signalled(self):
        """Serves; SIGTERM and SIGINT let what was accepted be finished, a second one does not."""

        def stop(number, frame):
            for known in (signal.SIGTERM, signal.SIGINT):
                signal.signal(known, lambda *_: self._ended.set())
            self.stop()

        for known in (signal.SIGTERM, signal.SIGINT):
            signal.signal(known, stop)
        self.run()

    def stop(self):
        """Refuses new images, lets what was accepted be finished, and ends `run`.

        Returns at once; after `start` only when all has ended.
        """
        self.service.stopping = True
        threading.Thread(target=self._drain, name="stops", daemon=True).start()
        if self._thread is not None:
            self._thread.join()

    def maintenance(self, now):
        """Closes connections that take too long, however busy they look."""
        super().maintenance(now)
        full = len(self._map) >= self.limits.connections
        for channel in list(self.active_channels.values()):
            arriving = channel.request is not None and not channel.requests
            fetching = channel.total_outbufs_len > 0
            if not (arriving or fetching):
                channel.began = None
                # Kept open for what may come: not where others wait to get in.
                channel.will_close |= full and not channel.requests
            elif channel.began is None:
                channel.began = now
            elif now - channel.began > self.limits.transfer:
                self._overdue.append(channel)  # will_close waits until something can be written

    def _drain(self):
        until = time.monotonic() + self.limits.seconds
        while time.monotonic() < until and (self.service.workers.busy or self._answering()):
            time.sleep(0.05)
        self.service.workers.stop()
        self._ended.set()
        with contextlib.suppress(OSError):
            self.pull_trigger()

    def _answering(self):
        return any(c.requests or c.total_outbufs_len for c in list(self.active_channels.values()))

    def _watch(self):
        while not self._ended.is_set():
            try:
                self.service.refresh()
            except Exception as error:  # a disk that is away for a while is no reason to end
                self.service.log(f"models cannot be looked for: {type(error).__name__}")
            self._ended.wait(self._refresh)
