"""A limit of time for blocks that must not hang."""

import contextlib
import signal


@contextlib.contextmanager
def limited_time(seconds):
    """Fail if the block takes longer."""

    def stop(*_):
        raise AssertionError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
