"""Only processes of the cluster's own folder are found, and only the very process that was found is signalled."""

import dataclasses
import pathlib
import signal
import subprocess
import tempfile
import unittest

import cluster


class ProcessTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, role, *flags):
        """A process whose command line looks like one of the engine's: a script of that name which waits."""
        (self.folder / role).write_text("echo up\nread line\n")
        process = subprocess.Popen(["sh", role, *flags], cwd=self.folder, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        process.stdout.readline()
        return process

    def test_roles_and_folders_are_read_from_the_command_line(self):
        worker = self.start("worker", "--job", "1", "--data", f"{self.folder}/local-1/jobs/job-1")
        agent = self.start("agent", f"--data={self.folder}/local-1", "--slots=8")
        found = cluster.process_at(worker.pid, self.folder)
        self.assertEqual((found.pid, found.role, found.folder), (worker.pid, "worker", "local-1/jobs/job-1"))
        self.assertEqual(cluster.process_at(agent.pid, self.folder).folder, "local-1")
        own = cluster.Cluster("freshet", self.folder, 1)
        self.assertEqual([each.pid for each in own.processes()], [agent.pid, worker.pid])
        self.assertEqual([each.pid for each in own.processes("worker")], [worker.pid])

    def test_others_are_not_taken_for_ours(self):
        elsewhere = self.start("worker", "--data", f"{self.folder}-other/local-1")
        without = self.start("agent")
        other = self.start("submit", "--data", str(self.folder))
        for process in (elsewhere, without, other):
            self.assertIsNone(cluster.process_at(process.pid, self.folder))

    def test_a_signal_hits_the_process_that_was_found_only(self):
        process = self.start("worker", "--data", f"{self.folder}/w")
        found = cluster.process_at(process.pid, self.folder)
        earlier = dataclasses.replace(found, start_ticks=found.start_ticks - 1)
        self.assertFalse(earlier.send(signal.SIGKILL, self.folder))
        self.assertIsNone(process.poll())
        self.assertTrue(found.send(signal.SIGKILL, self.folder))
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertFalse(found.send(signal.SIGKILL, self.folder))


if __name__ == "__main__":
    unittest.main()
