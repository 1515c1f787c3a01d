"""Waiting for a condition with a deadline: the only place in the tests that sleeps."""

import time


class TimedOut(AssertionError):
    pass


def wait_until(condition, seconds=30.0, what="the condition", every=0.02):
    """Calls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimedOut(f"{what} did not come true within {seconds} s")
        time.sleep(every)


def pause(seconds):
    """Lets time pass where passing time is the point: a writer's pace, a fault's length."""
    time.sleep(seconds)
