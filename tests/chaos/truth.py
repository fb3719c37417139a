"""What event files of jobs/user_behavior hold, counted apart from the engine: sums by key, newest events, windows."""

import array
import bisect
import collections
import csv
import decimal
import mmap

ACTIONS = ("view", "click", "favorite", "cart", "order", "cancel", "rate", "other")
FIELDS = ("id", "user", "item", "category", "action", "time", "amount", "quantity")
COUNTS = ("events", "views", "clicks", "favorites", "carts", "orders", "cancels", "rates", "others")
PAID = (ACTIONS.index("order"), ACTIONS.index("cancel"))
EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z, the job's default
LARGEST_AMOUNT, LARGEST_QUANTITY = 10_000_000, 1_000_000


class Malformed(Exception):
    """A line that is no event; the text is the reason of its dead letter."""


def cells_of(line):
    """The cells of a line of CSV."""
    return next(csv.reader([line])) if '"' in line else line.split(",")


def number_in(kind, text, field):
    try:
        return kind(text)
    except (ValueError, decimal.InvalidOperation):
        raise Malformed(f"malformed: field {field}") from None


def event_of(line):
    """(user, item, action, time, amount, quantity) of a line; amounts are decimals. Throws Malformed."""
    cells = cells_of(line)
    if len(cells) < len(FIELDS):
        raise Malformed(f"malformed: {len(cells)} fields, {len(FIELDS)} needed")
    if cells[4] not in ACTIONS:
        raise Malformed("malformed: field action")
    time_ms = number_in(int, cells[5], "time")
    amount = number_in(decimal.Decimal, cells[6], "amount")
    quantity = number_in(int, cells[7], "quantity")
    if time_ms < EARLIEST_MS:
        raise Malformed("malformed: event time")
    if abs(amount) > LARGEST_AMOUNT:
        raise Malformed("malformed: field amount")
    if abs(quantity) > LARGEST_QUANTITY:
        raise Malformed("malformed: field quantity")
    return cells[1], cells[2], ACTIONS.index(cells[4]), time_ms, amount, quantity


class Sum:
    """The first `events` of a key's events, added up."""

    def __init__(self):
        self.counts = [0] * len(COUNTS)  # events first, then by action
        self.quantity = self.mills = 0
        self.first_ms = self.last_ms = None

    @property
    def events(self):
        return self.counts[0]

    def go_on(self, truth, numbers, events):
        """Up to the first `events` of the events `numbers`."""
        for number in numbers[self.events:events]:
            time_ms = truth.time_ms[number]
            self.first_ms = time_ms if self.first_ms is None else min(self.first_ms, time_ms)
            self.last_ms = time_ms if self.last_ms is None else max(self.last_ms, time_ms)
            self.counts[0] += 1
            self.counts[1 + truth.action[number]] += 1
            self.quantity += truth.quantity[number]
            self.mills += truth.mills[number]

    def row(self):
        return (*self.counts, self.quantity, self.mills, self.first_ms, self.last_ms)


class Windows:
    """How the job cuts time into windows: its parameters, in ms and items; 0: it does not."""

    def __init__(self, session_gap=1_800_000, visits_window=3_600_000, hot=10, hot_window=3_600_000, hot_slide=300_000):
        self.session_gap, self.visits_window = session_gap, visits_window
        self.hot, self.hot_window, self.hot_slide = hot, hot_window, hot_slide


class Truth:
    """All events of the files, by number from 0 in the order of files and lines; and what must be dead letters."""

    def __init__(self, paths):
        self.paths = sorted(str(path) for path in paths)
        self.action = bytearray()
        self.time_ms, self.quantity, self.mills = array.array("q"), array.array("q"), array.array("q")
        self.users, self.items = {}, {}  # numbers of the events of each
        self.dead_letters = {}  # reason by origin
        self._lines, self._begins = array.array("Q"), array.array("Q")  # line and first byte of each event
        self._first_of_file = []
        self._texts = []
        for path in self.paths:
            self._read(path)

    @property
    def events(self):
        return len(self.action)

    def _read(self, path):
        self._first_of_file.append(self.events)
        begin = 0
        with open(path, "rb") as file:
            self._texts.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            for line_number, line in enumerate(file, 1):
                if line_number > 1 and line.strip():
                    self._take(path, line_number, begin, line.decode().rstrip("\r\n"))
                begin += len(line)

    def _take(self, path, line_number, begin, line):
        try:
            user, item, action, time_ms, amount, quantity = event_of(line)
        except Malformed as malformed:
            self.dead_letters[f"{path}, line {line_number}"] = str(malformed)
            return
        for keys, key in ((self.users, user), (self.items, item)):
            if key or keys is self.items:
                keys.setdefault(key, array.array("I")).append(self.events)
        mills = (amount * 1000).quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP) if action in PAID else 0
        self.action.append(action)
        self.time_ms.append(time_ms)
        self.quantity.append(quantity)
        self.mills.append(int(mills) * quantity)
        self._lines.append(line_number)
        self._begins.append(begin)

    def file_of(self, number):
        return bisect.bisect_right(self._first_of_file, number) - 1

    def number_at(self, path, line_number):
        """The event that stands there; None when none does."""
        index = bisect.bisect_left(self.paths, path)
        if index == len(self.paths) or self.paths[index] != path:
            return None
        end = self._first_of_file[index + 1] if index + 1 < len(self.paths) else self.events
        number = bisect.bisect_left(self._lines, line_number, self._first_of_file[index], end)
        return number if number < end and self._lines[number] == line_number else None

    def cells(self, number):
        """The texts of an event."""
        text, begin = self._texts[self.file_of(number)], self._begins[number]
        end = text.find(b"\n", begin)
        return cells_of(text[begin:end if end >= 0 else len(text)].decode().rstrip("\r"))

    def whole(self, numbers):
        total = Sum()
        total.go_on(self, numbers, len(numbers))
        return total

    def newest(self, user, count):
        """The numbers of a user's `count` newest events, newest first."""
        return sorted(self.users[user], key=lambda number: (self.time_ms[number], number), reverse=True)[:count]

    def action_totals(self):
        """(events, distinct users) of each action, and of all."""
        events = collections.Counter(self.action)
        users = collections.Counter(action for numbers in self.users.values()
                                    for action in {self.action[number] for number in numbers})
        totals = {ACTIONS[action]: (count, users[action]) for action, count in events.items()}
        if totals:
            totals["all"] = (self.events, len(self.users))
        return totals

    def sessions(self, gap):
        """(events, distinct items, orders) by (user, start, end)."""
        found = {}
        item_of = self._names(self.items)
        for user, numbers in self.users.items():
            session, last = [], None
            for number in [*sorted(numbers, key=lambda number: self.time_ms[number]), None]:
                if session and (number is None or self.time_ms[number] - last > gap):
                    orders = sum(self.action[each] == ACTIONS.index("order") for each in session)
                    found[user, self.time_ms[session[0]], last + gap] = (
                        len(session), len({item_of[each] for each in session}), orders)
                    session = []
                if number is not None:
                    session.append(number)
                    last = self.time_ms[number]
        return found

    def visits(self, window):
        """(events, distinct users) by (action, start, end), of known users."""
        events, users = collections.Counter(), collections.defaultdict(set)
        for user, numbers in self.users.items():
            for number in numbers:
                start = self.time_ms[number] // window * window
                place = ACTIONS[self.action[number]], start, start + window
                events[place] += 1
                users[place].add(user)
        return {place: (count, len(users[place])) for place, count in events.items()}

    def hot_items(self, most, window, slide):
        """(item, views, visitors) by (category, start, end, rank), of known users."""
        item_of, views, visitors = self._names(self.items), collections.Counter(), collections.defaultdict(set)
        for user, numbers in self.users.items():
            for number in numbers:
                if self.action[number] != ACTIONS.index("view"):
                    continue
                item = item_of[number]
                category = self.cells(number)[3]
                end = (self.time_ms[number] // slide + 1) * slide
                while end - window <= self.time_ms[number]:
                    views[category, end, item] += 1
                    visitors[category, end, item].add(user)
                    end += slide
        places = collections.defaultdict(list)
        for (category, end, item), count in views.items():
            places[category, end].append((-count, item))
        return {(category, end - window, end, rank): (item, -count, len(visitors[category, end, item]))
                for (category, end), items in places.items()
                for rank, (count, item) in enumerate(sorted(items, key=lambda each: (each[0], each[1].encode()))[:most], 1)}

    def _names(self, keys):
        """Whose each event is, by number."""
        names = [""] * self.events
        for key, numbers in keys.items():
            for number in numbers:
                names[number] = key
        return names
