"""The life of the process: its end, its forks, the ends of workers, SIGTERM, and a server that has begun to end it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from ..clock import monotonic
from ..delivery.threads import allocate_lock
from ..recording.notice import warn_once
from ..resource import importing
from . import sigterm

EXIT_TIMEOUT = 5.0
_MANY = (
    50  # pipelines: nobody has as many destinations' owners in one process; they are made for each request, and left
)


class Pipeline(Protocol):
    """What is ended, secured, and notified of forks."""

    def shutdown(self, timeout: float) -> bool:
        """End it within *timeout* seconds."""

    def keep_safe(self) -> bool:
        """Bring what was recorded so far out of danger."""

    def after_fork_in_child(self) -> None:
        """Start clean in a forked child."""


_pipelines: weakref.WeakSet[Any] = weakref.WeakSet()
_running: set[Any] = set()  # keeps a pipeline that nobody refers to any more until its spans are out
_hooks = allocate_lock()  # whoever gets it registers them; it is never released
_children: list[Callable[[], None]] = []
_notified: set[str] = set()  # modules that know of `_at_exit_of_worker`; forked children inherit both


def watch(pipeline: Pipeline) -> None:
    """Remember *pipeline* for the end of the process and for forks."""
    _pipelines.add(pipeline)
    _running.add(pipeline)
    if len(_running) >= _MANY:
        warn_once(
            "many pipelines",
            "spancast: %d pipelines are running, each with threads of its own: end each with shutdown(), or use `with`.",
            len(_running),
        )
    if _hooks.acquire(False):
        atexit.register(_at_exit)
        _at_exit_of_worker(_at_exit)
        _at_exit_of_workers_to_come()  # a child of the fork server imports the program before its finalizers are cleared
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=importing.before_fork,
                after_in_parent=importing.after_fork_in_parent,
                after_in_child=_after_fork_in_child,
            )


def forget(pipeline: Pipeline) -> None:
    """Forget a pipeline that has ended."""
    _running.discard(pipeline)


def in_children(hook: Callable[[], None]) -> None:
    """Call *hook* in forked children, before their pipelines start clean."""
    _children.append(hook)


def secure(ending: bool) -> None:
    """Bring what was recorded out of danger: a SIGTERM has come, and *ending* says that nobody else handles it."""
    if ending:
        return _shut_down_all()
    for pipeline in list(_running):
        pipeline.keep_safe()
    return None


def _at_exit() -> None:
    _shut_down_all()
    sigterm.end()


def _shut_down_all() -> None:
    deadline = monotonic() + EXIT_TIMEOUT
    interrupted: BaseException | None = None
    for pipeline in list(_running):
        try:
            pipeline.shutdown(max(0.1, deadline - monotonic()))
        except BaseException as error:  # Ctrl-C: the others end as well, only sooner
            interrupted, deadline = error, monotonic()
    if interrupted is not None:
        raise interrupted


def _at_exit_of_worker(hook: Callable[[], None]) -> None:
    """Run *hook* when a process of multiprocessing or billiard (celery) ends, which it does without atexit's hooks."""
    for util in _worker_utilities():
        util.Finalize(None, hook, exitpriority=10)


def _at_exit_of_workers_to_come() -> None:
    """Do that in each worker when it begins: its finalizers are cleared first, then what is registered here runs."""
    for util in _worker_utilities():
        if util.__name__ not in _notified:
            _notified.add(util.__name__)
            util.register_after_fork(_at_exit, _at_exit_of_worker)


def _worker_utilities() -> list[Any]:
    loaded = (sys.modules.get(name) for name in ("multiprocessing.util", "billiard.util"))
    return [util for util in loaded if util is not None]


def _after_fork_in_child() -> None:
    for hook in _children:
        hook()
    importing.after_fork_in_child()
    for pipeline in list(_pipelines):
        pipeline.after_fork_in_child()
    sigterm.after_fork_in_child()
    _at_exit_of_workers_to_come()
    celery = sys.modules.get("celery.signals")
    if celery is not None:  # with max_tasks_per_child a worker ends without any finalizer, but not without this signal
        celery.worker_process_shutdown.connect(_at_end_of_celery, weak=False, dispatch_uid="spancast")


def _at_end_of_celery(**_: object) -> None:
    _shut_down_all()


# ---------------------------------------------------------------- servers
def forks_without_hooks() -> bool:
    """Return whether this process may be forked without Python's hooks, as uWSGI does it, perhaps while the encoder imports.

    The module that uWSGI puts into the interpreter is there from the start.
    """
    return "uwsgi" in sys.modules or "uwsgi" in sys.builtin_module_names


def server_is_ending() -> bool | None:
    """Return whether a server around has begun to end this process, which it may do without any hook; None: no server.

    uvicorn takes SIGTERM while it serves; at its end it puts the former handler back and raises the signal again, which
    kills the process. Its handler is a method of the server, and the server's `should_exit` says that the end has begun. It
    is only read here: nothing of the host's is replaced.
    """
    handler = signal.getsignal(signal.SIGTERM)
    should_exit = getattr(getattr(handler, "__self__", None), "should_exit", None)
    return should_exit if isinstance(should_exit, bool) else None
