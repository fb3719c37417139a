"""In which seconds the workers of a cluster processed records, as seen without asking the job manager.

That may be dead, and commits wait for it, while its workers have to go on. Each worker shows in a file how many records
came to its tasks over channels and were processed there (runtime/worker/progress_file.h); so a source that still reads
is not enough. The numbers come twice a second and are up to a second old. A worker that was killed has not shown its
last ones, so seconds without throughput are rather too many than too few. A record that is processed again after a
restore counts like any other.
"""

import threading
import time

SAMPLE_S = 0.1


def received(folder):
    """Records that came over channels, by the file of the worker with this folder; None when it says nothing yet."""
    try:
        _, records = (folder / "progress").read_text().split()
        return int(records)
    except (OSError, ValueError):
        return None


class Seconds:
    """Which whole seconds, from the first growth to the last, saw none. Times are seconds of one steady clock."""

    def __init__(self):
        self._seen = {}  # worker -> records
        self._first = self._last = None
        self._grown = set()  # numbers of seconds behind the first growth

    def look(self, now, found):
        """`found`: worker -> records at the time `now`."""
        # Where a worker begins is no growth.
        if any(records > self._seen.get(key, records) for key, records in found.items()):
            self._first = now if self._first is None else self._first
            self._last = now
            self._grown.add(int(now - self._first))
        self._seen.update(found)

    @property
    def all(self):
        return 0 if self._first is None else int(self._last - self._first)

    @property
    def still(self):
        return sum(second not in self._grown for second in range(self.all))


class Throughput:
    """Samples a cluster's workers on a thread of its own inside a with block."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._seconds = Seconds()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(SAMPLE_S):
            found = {(worker.pid, worker.start_ticks): received(self._cluster.data / worker.folder)
                     for worker in self._cluster.processes("worker")}
            self._seconds.look(time.monotonic(), {key: records for key, records in found.items() if records is not None})

    def summary(self):
        """To be called behind the with block."""
        return f"seconds without throughput: {self._seconds.still} of {self._seconds.all}"
