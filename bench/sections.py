"""The sections of the page: which works stand beside which, how many of what, how often."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.measuring import Child, Comparison, Sample, compare, median
from bench.report import Section, short
from bench.rig import Rig


@dataclass(kw_only=True)
class Plan:
    """How much is measured, and what later sections need of earlier ones."""

    rig: Rig
    sizes: tuple[int, int]
    runs: int
    is_quick: bool
    found: dict[tuple[str, int], Comparison] = field(default_factory=dict)

    def runs_of(self, size: int) -> int:
        """Long ones are repeated less often."""
        return min(self.runs, 3) if size == self.sizes[1] else self.runs

    def of(self, many: int, few: int) -> int:
        """So many, or few when it must be quick."""
        return few if self.is_quick else many


def freeze(plan: Plan) -> Section:
    section = Section(
        title="Freezing an audience into the ledger (rows)",
        reference="one bare `INSERT … SELECT generate_series` into a table with the same columns and indexes.",
        limit="PostgreSQL's own insert: the freeze also walks the audience by its index, commits each page of 20,000 "
        "rows durably with its cursor, counts the ledger once more, and cuts the batches.",
    )
    for size in plan.sizes:
        options = {"readers": size}
        (found,) = compare(
            ("bench.freezing:Freeze", options),
            ("bench.freezing:BareInsert", options),
            runs=plan.runs_of(size),
        )
        plan.found["freeze", size] = found
        section.add(f"{size:,} readers", found)
    return section


def splicing(plan: Plan) -> Section:
    section = Section(
        title="Splicing copies, tokens and links included (copies, one core)",
        reference="a mail with the same headers, text and HTML, built with Python's `email` package.",
        limit="the copy's own values, not the size of the body: more than half of the time makes three tokens, an address "
        "and a copy of them; of splicing itself, a third looks at what goes into headers and a third encodes the slots.",
    )
    for size in (60_000, 10_000):
        (found,) = compare(
            ("bench.splicing:Splice", {"size": size, "count": plan.of(40_000, 10_000)}),
            ("bench.splicing:Build", {"size": size, "count": plan.of(400, 100)}),
            runs=plan.runs,
        )
        section.add(f"{size // 1000} kB of HTML and text", found)
    return section


def mailgun(plan: Plan) -> Section:
    section = Section(
        title="Handing over to Mailgun's interface, 60 kB (readers)",
        reference="the very bytes that our provider posts, prebuilt, by `http.client` over one kept connection into "
        "the same sink.",
        limit="Python in the worker: of what it computes, a third is the last look at each reader, a seventh the copies "
        "made of the rows, and a quarter the provider's check of each copy, form and call; the rest is for claims, "
        "attempts and outcomes. The bare client does none of this.",
    )
    first, second = plan.sizes
    from bench import calling

    alike = {"per_call": calling.per_call()}
    # The bare client comes first here, because two of ours stand beside it.
    posted = compare(
        ("bench.calling:BarePost", {"readers": first} | alike),
        ("bench.calling:Form", {"readers": first} | alike),
        ("bench.calling:Pump", {"readers": first}),
        runs=plan.runs,
    )
    form, pump = (Comparison(ours=one.reference, reference=one.ours) for one in posted)
    plan.found["pump", first] = pump
    section.add(f"the pump, one worker process, {first:,} readers", pump)
    (plan.found["pump", second],) = compare(
        ("bench.calling:Pump", {"readers": second}),
        ("bench.calling:BarePost", {"readers": second} | alike),
        runs=1,
    )
    section.add(f"the pump, one worker process, {second:,} readers", plan.found["pump", second])
    section.add("of it, the provider alone: form and call", form)
    section.notes.append(
        f"A call has {pump.reference[0].facts['readers']:.0f} readers and {pump.reference[0].facts['bytes'] / 1e6:.2f} MB. The sink was busy for {busy(pump.ours)} of the time while "
        f"the pump ran, and for {busy(pump.reference)} with the bare client: it was not what the pump waited for."
    )
    return section


def busy(samples: Sequence[Sample]) -> str:
    """The share of the time in which the sink computed."""
    return f"{100 * median(samples, lambda one: one.sink_cpu / one.seconds):.0f} %"


def smtp(plan: Plan) -> Section:
    from bench.smtp import smtp_source

    generator = "Postfix's `smtp-source -d -s 10`" if smtp_source() else "`smtplib` in a loop, mails prebuilt"
    target = "bench.smtp:SmtpSource" if smtp_source() else "bench.smtp:Smtplib"
    section = Section(
        title="SMTP over ten kept sessions, one process (messages)",
        reference=f"{generator}, and Django's own SMTP backend on ten kept connections, into the same sink.",
        limit="Python in the sender: one write and one read of answers per message, and ten threads that hinder each "
        "other at the interpreter's lock. A worker process has one session.",
    )
    for size in (60_000, 10_000):
        ours, bare, django = (
            {"size": size, "count": count}
            for count in (plan.of(4_000, 1_000), plan.of(8_000, 2_000), plan.of(500, 100))
        )
        generated, built = compare(
            ("bench.smtp:Ours", ours), (target, bare), ("bench.smtp:DjangoBackend", django), runs=plan.runs
        )
        section.add(f"{size // 1000} kB, beside {generator}", generated)
        section.add(f"{size // 1000} kB, beside Django's backend", built)
        section.notes.append(
            f"At {size // 1000} kB the sink was busy for {busy(generated.ours)} of the time with our provider, "
            f"{busy(generated.reference)} with the generator, {busy(built.reference)} with Django's backend."
        )
    return section


def applying(plan: Plan) -> Section:
    section = Section(
        title="Applying what providers report (events)",
        reference="the same rows marked as applied by one bare UPDATE per 1,000, nothing looked at.",
        limit="two statements that PostgreSQL must write for each page, the events' own UPDATE among them, and Python "
        "reading a token of each; a hard bounce ends a subscription and writes an event of its own beside it.",
    )
    for name, bounces in (("delivered only", 0), ("2 % of them hard bounces", 20)):
        options = {"readers": plan.sizes[0], "count": plan.of(20_000, 4_000), "bounces": bounces}
        (found,) = compare(
            ("bench.reporting:Apply", options), ("bench.reporting:BareUpdate", options), runs=3
        )
        section.add(name, found)
    return section


def auditing(plan: Plan) -> Section:
    section = Section(
        title="Auditing a mailing (rows)",
        reference="the same four columns read in the same order by the bare driver, and thrown away.",
        limit="Python looking at each row: Django's iterator, the number's order, the batch that answers for it.",
    )
    for size in plan.sizes:
        options = {"readers": size}
        (found,) = compare(
            ("bench.reporting:Audit", options), ("bench.reporting:BareRead", options), runs=plan.runs_of(size)
        )
        plan.found["audit", size] = found
        section.add(f"{size:,} rows", found)
    return section


def flatness(plan: Plan) -> Section:
    """Nothing is measured here: earlier sections are set beside each other."""
    small, large = plan.sizes
    section = Section(
        title="What one reader costs, in small and in large",
        head=(
            "",
            f"µs a reader at {small:,}",
            f"at {large:,}",
            f"of them CPU at {small:,}",
            f"at {large:,}",
            "CPU large / small",
            f"peak MB at {small:,}",
            f"at {large:,}",
        ),
        notes=[
            "CPU is Newsroom's and PostgreSQL's; it tells more than the time where the machine has other work too."
        ],
    )
    for name, title in (
        ("freeze", "freeze"),
        ("pump", "hand over to Mailgun's interface"),
        ("audit", "audit"),
    ):
        if not {(name, small), (name, large)} <= plan.found.keys():
            continue
        samples = [plan.found[name, size].ours for size in (small, large)]
        time = [median(one, lambda sample: 1e6 / sample.rate) for one in samples]
        cpu = [
            median(one, lambda sample: 1e6 * (sample.cpu + sample.database_cpu) / sample.count)
            for one in samples
        ]
        peaks = [f"{max(sample.peak_mb for sample in one):.0f}" for one in samples]
        section.rows.append((title, *map(short, (*time, *cpu, cpu[1] / cpu[0])), *peaks))
    return section


def starting(plan: Plan) -> Section:
    section = Section(
        title="From the start of a frozen mailing to its first call (milliseconds)",
        reference="the same worker, woken in the same way, with a task that does nothing but post one small call.",
        limit="a dozen small queries one after the other between the wake-up and the call, three commits among them "
        "that wait for the disk, and the mail that is compiled once.",
        head=("", "Newsroom", "reference", "ratio", "Newsroom, lowest to highest"),
    )
    worker = plan.rig.start_worker()
    runs = plan.of(7, 3)
    for size in (1_000, plan.sizes[0]):
        found, bare = [], []
        with Child("bench.starting:Start", readers=size) as ours, Child("bench.starting:Touch") as touch:
            touch.run()
            ours.run()  # the worker imports what it needs, once
            for _ in range(runs):
                bare.append(1000 * touch.run().facts["first"])
                found.append(1000 * ours.run().facts["first"])
        values = [statistics.median(one) for one in (found, bare)]
        spread = f"{short(min(found))} to {short(max(found))}"
        section.rows.append((f"{size:,} readers", *map(short, (*values, values[0] / values[1])), spread))
    plan.rig.supervisor.stop(worker)
    return section


def killing(plan: Plan) -> Section:
    from bench import killing as kills

    section = Section(
        title="One kill −9 half-way, then started again (1,000 readers, SMTP)",
        reference="Django's own loops: a `send()` per reader, with nothing written down or with a flag per reader "
        "committed after each mail. What arrived is the sink's own record.",
        head=(
            "",
            "taken when killed",
            "lost",
            "twice",
            "held for a person",
            "of these arrived",
            "account holds",
        ),
    )
    loops: dict[str, Callable[[], kills.Aftermath]] = {
        "Newsroom": kills.kill_engine,
        "a loop": lambda: kills.kill_loop(flags=False),
        "a loop with a flag per reader": lambda: kills.kill_loop(flags=True),
    }
    for name, kill in loops.items():
        for _ in range(plan.of(3, 1) if name == "Newsroom" else 1):
            after = kill()
            known = (after.held, after.held_taken, "yes" if after.is_accounted else "no")
            cells = [after.taken_at_kill, after.lost, after.twice]
            section.rows.append((name, *map(str, cells), *(map(str, known) if name == "Newsroom" else "–––")))
    section.notes.append(
        "Lost: neither taken nor named to anybody. The loop lost nobody only because it was started again from the "
        "beginning; left alone it loses everybody behind the kill. Held: the copy that was being offered; "
        "Newsroom never sends it again by itself, because nobody can know whether it was taken."
    )
    return section


def ranking(plan: Plan) -> Section:
    section = Section(
        title="Ranking candidates and finding articles of one event (articles, one core)",
        reference="for ranking one `sorted` by age, without terms or variety; for events every headline compared with "
        "every other by rapidfuzz, without the texts.",
        limit="Python on one core: terms and one heap for ranking; n-grams of 600 characters and one index for events.",
    )
    for name, ours, reference, count in (
        ("ranking 5,000 candidates", "Rank", "BareSort", 5_000),
        ("grouping 2,000 articles", "Group", "EveryPair", 2_000),
    ):
        options = {"count": count}
        (found,) = compare(
            (f"bench.ranking:{ours}", options), (f"bench.ranking:{reference}", options), runs=plan.runs
        )
        section.add(name, found)
        rate = median(found.ours, lambda one: one.rate)
        section.notes.append(f"{name}: {count / rate * 1000:,.0f} ms.")
    return section


def web(plan: Plan) -> Section:
    section = Section(
        title="Presses and pages of readers (answers, one process)",
        reference="for presses an empty view behind the same middleware that commits one INSERT; for pages one that "
        "renders the site's page around nothing.",
        limit="a sign-up writes one row as the reference does, and pays for its form, one way to Redis (limits, and "
        "whether a worker is awake), a wider row and two signatures; what it comes to is decided by a worker, with the statements of the third "
        "line. One-click is one statement that locks, ends and records. A page is kept for ten seconds; made anew, four "
        "statements and a hundred nodes of a template.",
    )
    presses = {"count": plan.of(500, 200)}
    names = ("SignUp", "SignUpWithoutLetter", "SignUpDecided", "OneClick")
    titles = (
        "a sign-up of a new reader, as she waits for it",
        "a sign-up over the limit of its address",
        "a sign-up of a new reader, decided, with its letter",
        "one-click unsubscribe",
    )
    for name, title in zip(names, titles, strict=True):
        (found,) = compare((f"bench.web:{name}", presses), ("bench.web:Press", presses), runs=plan.runs)
        section.add(title, found)
    for which in ("catalogue", "archive", "article"):
        for is_kept, title in ((True, f"page: {which}"), (False, f"page: {which}, made anew")):
            looks = presses if is_kept else {"count": plan.of(200, 50)}
            (found,) = compare(
                ("bench.web:Page", looks | {"which": which, "is_kept": is_kept}),
                ("bench.web:Page", looks | {"which": "empty"}),
                runs=plan.runs,
            )
            section.add(title, found)
    return section


def desk(plan: Plan) -> Section:
    articles, digests = plan.of(50_000, 5_000), plan.of(2_000, 200)
    section = Section(
        title="Opening the desk's pages (pages, one process)",
        reference="Django's page for a new password: the same header, session and rights, and no record.",
        limit="of the composer: its two dozen queries at most, each a millisecond or two of Django and PostgreSQL, take "
        "two fifths, more than the empty page by themselves; then ranking five hundred candidates, rendering the mail "
        "and checking it. Its rows and cards are kept finished.",
    )
    options = {"articles": articles, "digests": digests}
    for name, page in (("board", "Board"), ("composer with 500 candidates", "Composer")):
        (found,) = compare((f"bench.desk:{page}", options), ("bench.desk:EmptyPage", options), runs=plan.runs)
        section.add(f"{name}, {articles:,} articles, {digests:,} digests", found)
        section.notes.append(f"One {name}: {1000 / median(found.ours, lambda one: one.rate):,.0f} ms.")
    deliveries = plan.of(1_000_000, 100_000)
    (found,) = compare(
        ("bench.desk:Ledger", options | {"deliveries": deliveries}),
        ("bench.desk:EmptyPage", options),
        runs=plan.runs,
    )
    section.add(f"list of {deliveries:,} copies", found)
    section.notes.append(f"One list of copies: {1000 / median(found.ours, lambda one: one.rate):,.0f} ms.")
    return section


def importing(plan: Plan) -> Section:
    section = Section(
        title="Taking readers in from a file (readers)",
        reference="one bare COPY of rows of the same width into a table without an index.",
        limit="three rows and some fifteen index entries for each reader, and four keys that PostgreSQL looks up; a thread "
        "reads and judges the next lines meanwhile.",
    )
    for readers in (plan.of(100_000, 10_000), plan.of(1_000_000, 100_000)):
        options = {"readers": readers}
        runs = 1 if readers > 100_000 else min(plan.runs, 3)
        (found,) = compare(
            ("bench.importing:Import", options), ("bench.importing:BareCopy", options), runs=runs
        )
        section.add(f"{readers:,} readers", found)
        seconds = readers / median(found.ours, lambda one: one.rate)
        section.notes.append(f"{readers:,} readers: {seconds:,.0f} s.")
    return section


SECTIONS: dict[str, Callable[[Plan], Section]] = {
    "freezing": freeze,
    "splicing": splicing,
    "mailgun": mailgun,
    "smtp": smtp,
    "events": applying,
    "auditing": auditing,
    "flatness": flatness,
    "starting": starting,
    "killing": killing,
    "ranking": ranking,
    "web": web,
    "desk": desk,
    "importing": importing,
}
