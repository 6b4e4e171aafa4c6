"""Errors of the service: a code, an HTTP status and a sentence."""

#: Every code with its HTTP status.
STATUS = {
    "bad_request": 400,
    "missing_file": 400,
    "bad_field": 400,
    "unknown_model": 404,
    "unknown_address": 404,
    "wrong_method": 405,
    "not_acceptable": 406,
    "too_many_bytes": 413,
    "no_picture": 415,
    "too_many_pixels": 422,
    "too_many_frames": 422,
    "unusable_picture": 422,
    "too_large_headers": 431,
    "busy": 503,
    "loading": 503,
    "stopping": 503,
    "unforeseen": 503,
}


class ServiceError(Exception):
    """Raised where a request is not served.

    Args:
        code: One of `STATUS`.
        message: One sentence: what was received, and what to do.
        argument: Name of the field that it is about, or None.
        retry_after: Seconds after which to try again; for 503.
    """

    def __init__(self, code, message, argument=None, retry_after=None):
        super().__init__(message)
        self.code, self.message, self.argument = code, message, argument
        self.status = STATUS[code]
        self.retry_after = retry_after if self.status != 503 else retry_after or 2

    def to_json(self):
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "argument": self.argument}}
