"""Seconds without throughput are those in which no worker has processed a record that came over a channel."""

import pathlib
import tempfile
import unittest

import throughput


class SecondsTest(unittest.TestCase):
    def test_seconds_between_the_first_and_the_last_growth_are_counted(self):
        seconds = throughput.Seconds()
        for now, records in ((3.0, 2), (10.2, 5), (10.9, 5), (11.3, 6), (12.3, 7), (15.1, 7), (15.4, 9), (16.3, 10),
                              (30.0, 10)):
            seconds.look(now, {"a": records})
        # Behind 10.2: growth in the seconds 0, 1, 2, 5 and 6, none in 3 and 4; the last one is not whole.
        self.assertEqual((seconds.still, seconds.all), (2, 6))

    def test_another_process_begins_anew(self):
        seconds = throughput.Seconds()
        for now, found in ((0.0, {"a": 99}), (0.1, {"a": 100}), (1.2, {}), (2.3, {"b": 50}),
                           (3.2, {"b": 50}), (4.2, {"b": 51}), (5.2, {"b": 52})):
            seconds.look(now, found)
        self.assertEqual((seconds.still, seconds.all), (3, 5))

    def test_a_worker_that_is_not_seen_for_a_moment_has_done_nothing(self):
        seconds = throughput.Seconds()
        for now, found in ((0.0, {"a": 1}), (0.1, {"a": 2}), (1.2, {}), (1.3, {"a": 2}),
                           (2.2, {"a": 3})):
            seconds.look(now, found)
        self.assertEqual((seconds.still, seconds.all), (1, 2))

    def test_of_several_workers_one_is_enough(self):
        seconds = throughput.Seconds()
        for now in range(10):
            seconds.look(float(now), {"a": 7, "b": now})
        self.assertEqual((seconds.still, seconds.all), (0, 8))

    def test_nothing_read_is_no_second(self):
        seconds = throughput.Seconds()
        seconds.look(1.0, {})
        self.assertEqual((seconds.still, seconds.all), (0, 0))


class ReceivedTest(unittest.TestCase):
    def test_the_second_number_counts_and_anything_else_is_nothing(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertIsNone(throughput.received(folder))
            for text, records in (("", None), ("                   7                   12\n", 12), ("7", None),
                                  ("7 x", None)):
                (folder / "progress").write_text(text)
                self.assertEqual(throughput.received(folder), records)


if __name__ == "__main__":
    unittest.main()
