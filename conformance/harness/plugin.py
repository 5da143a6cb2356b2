"""The pytest hooks: collect tests by rule, run them on shared servers, write the report. Other modules do the work."""

from __future__ import annotations

import logging
import signal
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

from clusters.base import NoCluster
from clusters.kserve.releases import NoKServe
from clusters.toolchain.cache import ToolFailed
from conformance.api.exceptions import NotApplicable, Unproven
from conformance.harness import claimed, command_line, exploring, failure, outcome, schedule, selection
from conformance.harness.controller import CONTROLLER, Controller
from conformance.harness.eligibility import why_not
from conformance.harness.items import rule_of, store_of
from conformance.harness.progress import Progress
from conformance.harness.record import record_of
from conformance.harness.rule_listing import explain, list_rules
from conformance.harness.run import RUN, in_worker
from conformance.harness.run_options import Options
from conformance.spec import SpecError, current, expand
from reports.model import Outcome
from reports.writer import ReportUnwritable
from scenarios.initializers.base import NoInitializer
from scenarios.reasons import NotOffered
from scenarios.servers.base import Unavailable
from scenarios.stores import STORES, plugins
from scenarios.stores.plugins import PluginError

OPTIONS = pytest.StashKey[Options]()
#: (rule, store) -> number of deselected cases.
LEFT_OUT = pytest.StashKey[Counter[tuple[str, str]]]()


class _Progress(logging.Handler):
    """Prints setup messages to the terminal as they are logged."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.write_line(f"[setup] {record.getMessage()}")


def pytest_addoption(parser: pytest.Parser) -> None:
    command_line.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer `--list-rules` and `--explain`, which need no run."""
    _load_plugins(config)
    if config.option.list_rules:
        asked = command_line.read(config, current())
        chosen = [rule for rule in current() if asked.lists(rule, whenever=not config.option.kserve)]
        print("\n".join(list_rules(current(), chosen)))  # noqa: T201 - this is the command's answer
        return 0
    if config.option.explain:
        rule = current().rules.get(config.option.explain)
        if rule is None:
            raise pytest.UsageError(f"--explain {config.option.explain}: no such rule; --list-rules prints all rules")
        print("\n".join(explain(current(), rule)))  # noqa: T201
        return 0
    return None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(id, stores=None): the rule of the spec that the test checks")
    config.addinivalue_line("markers", f"{exploring.MARK}: the test explores; it runs only with --explore")
    _load_plugins(config)
    try:
        spec = current()
    except SpecError as error:
        raise pytest.UsageError(f"the spec is broken: {error}") from error
    config.stash[OPTIONS] = command_line.read(config, spec)
    command_line.refuse_unobservable(config.stash[OPTIONS], spec)
    if config.stash[OPTIONS].cluster != "none":
        config.pluginmanager.import_plugin("conformance.harness.cluster_fixtures")
    config.stash[LEFT_OUT] = Counter()
    if config.getoption("maxschedchunk", 1) is None:
        config.option.maxschedchunk = 1  # otherwise xdist gives all the slow cases to one worker at once
    sent = getattr(config, "workerinput", {}).get("conformance")
    if sent:
        config.stash[RUN] = in_worker(config.stash[OPTIONS], spec, sent)


def _load_plugins(config: pytest.Config) -> None:
    """Add the stores of plugins, also of those in the claims, before anything reads the spec or the list of stores."""
    claimed.apply(config)
    try:
        plugins.load(config.getoption("--plugin"))
    except PluginError as error:
        raise pytest.UsageError(str(error)) from error


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the run in the controlling process, before any worker exists."""
    config = session.config
    if _is_worker(config) or config.option.collectonly:
        return
    log = logging.getLogger("conformance.setup")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(_Progress(config.pluginmanager.getplugin("terminalreporter")))
    try:
        controller = Controller.start(config.stash[OPTIONS], current())
    except (NoInitializer, NoCluster, NoKServe, ToolFailed, Unavailable, ReportUnwritable) as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[CONTROLLER] = controller
    config.stash[RUN] = controller.run
    config.pluginmanager.register(Progress(session, controller.run.fleet.folder))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Send the run to a pytest-xdist worker."""
    controller = node.config.stash[CONTROLLER]
    controller.workers += 1
    node.workerinput["conformance"] = controller.run.to_worker()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return the number of workers for `-n auto`."""
    return command_line.read(config, current()).workers(current()) if config.option.numprocesses == "auto" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> schedule.Scheduling | None:
    """Use this suite's scheduler to give cases to workers."""
    if config.option.dist != "load":
        return None
    return schedule.Scheduling(config, log, config.stash[RUN].fleet.folder)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests that explore, and those that need a cluster, unless the run does it or has one.

    Without these tests a worker imports neither Hypothesis nor the client of Kubernetes.
    """
    asked = config.stash[OPTIONS]
    unneeded = [*([] if asked.explore else [exploring.FOLDER]), *selection.folders_left_out(asked)]
    return True if collection_path in unneeded else None


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the test over the stores that its rule applies to, unless the test parametrizes `store` itself.

    A test with an argument `identity` runs on each kind of identity of each store.
    """
    has_table = any("store" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "store" in metafunc.fixturenames and not has_table:
        mark = next(metafunc.definition.iter_markers("rule"), None)
        rule = current().rules.get(mark.args[0]) if mark else None
        asked = mark.kwargs.get("stores") if mark else None
        stores = expand(asked, current().groups) if asked else rule.stores if rule else ()
        if "identity" in metafunc.fixturenames:
            pairs = [(store, identity) for store in stores for identity in STORES[store].identities]
            metafunc.parametrize(("store", "identity"), pairs, indirect=["store"])
        else:
            metafunc.parametrize("store", stores, indirect=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Refuse tests without a rule. Keep the tests that apply to this run and that the options select.

    Divide what is to be explored among the tests that are left after pytest's own options (`-k`, `-m`).
    """
    asked, spec = config.stash[OPTIONS], current()
    selection.check(items, spec, whole=not selection.is_partial(config), without=selection.folders_left_out(asked))
    places = [(item, rule_of(item), store_of(item)) for item in items]
    chosen = [item for item, rule, store in places if asked.judges(rule, store) and asked.wants(rule, store)]
    explored = [item for item in chosen if exploring.explores(item)]
    chosen = [item for item in chosen if not exploring.explores(item)]
    if asked.smoke:
        chosen = selection.smoke(chosen)
    kept = {*chosen, *explored}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    chosen, waiting = schedule.ordered(chosen)
    items[:] = [*chosen, *explored]
    if _is_worker(config):
        schedule.write_waiting(config.stash[RUN].fleet.folder, waiting)
    yield  # pytest's own options deselect more
    left = [item for item in items if exploring.explores(item)]
    shared = exploring.shared(left, asked, config.stash.get(RUN, None), config.option.known_failures) if left else []
    items[:] = [item for item in items if not exploring.explores(item)] + shared
    config.hook.pytest_deselected(items=[item for item in left if item not in shared])


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the cases that apply to this run and that its options or pytest's own (`-k`, `-m`) deselect."""
    for item in items:
        rule, store = rule_of(item), store_of(item)
        if item.config.stash[OPTIONS].judges(rule, store) and not exploring.explores(item):
            item.config.stash[LEFT_OUT][rule.id, store or ""] += 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    skipped = why_not(item.config.stash[RUN], store_of(item), identities=rule_of(item).identities)
    if skipped:
        record_of(item).skipped = skipped
        pytest.skip(skipped[1])


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """Skip the case when a fixture raises NotOffered, as `pytest_runtest_call` does for tests."""
    try:
        return (yield)
    except NotOffered as reason:
        pytest.skip(str(reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip the case when it cannot run here, does not apply, or depends on a broken rule. None of these fails."""
    try:
        try:
            return (yield)
        except AssertionError:
            if fetcher := record_of(item).fetcher:
                fetcher.excuse()
            raise
    except KeyboardInterrupt:
        if not exploring.explores(item):
            raise
        item.session.shouldstop = "interrupted while exploring"  # what it has found so far is reported
    except (NotOffered, Unproven) as reason:
        pytest.skip(str(reason))
    except NotApplicable as reason:
        record_of(item).skipped = Outcome.UNSUPPORTED, str(reason)
        pytest.skip(str(reason))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    if call.excinfo and call.excinfo.errisinstance(AssertionError):
        # The suite describes a broken rule itself. To quote the source for each failure would take pytest 0.3 s.
        call.excinfo.traceback = call.excinfo.traceback[:0]
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if exploring.explores(item):
        exploring.attach(item, call, report)
    else:
        outcome.judge(item.config.stash[RUN], item, call, report)
    return report  # type: ignore[return-value]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count items that explore by themselves in pytest's last line."""
    if report.passed and exploring.PROPERTY in dict(report.user_properties):
        return ("explored", "e", "EXPLORED") if report.when == "call" else None
    return None


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    return failure.explain_trees(left, right) if op == "==" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect each result in the controlling process, from every worker."""
    controller = Controller.active
    if controller:
        try:
            controller.add(report)
        except ReportUnwritable as reason:
            pytest.exit(str(reason), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt() -> None:
    """Ignore further interrupts, so that the report is written and no server is left running."""
    if Controller.active:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over a worker's counts of deselected cases. They are the same in every worker."""
    left_out = getattr(node, "workeroutput", {}).get("conformance", [])
    node.config.stash[LEFT_OUT] |= Counter({(rule, store): count for rule, store, count in left_out})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the report and stop every server, even after an interrupt."""
    config = session.config
    if _is_worker(config):
        left_out = [(*pair, count) for pair, count in config.stash[LEFT_OUT].items()]
        config.workeroutput["conformance"] = left_out  # type: ignore[attr-defined]
        return
    controller = config.stash.get(CONTROLLER, None)
    if controller is None:
        return
    partial = selection.is_partial(config)
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        controller.nothing = selection.why_nothing(config, config.stash[OPTIONS], current())
    ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
    complete = ended and controller.judged >= session.testscollected
    left = config.stash[LEFT_OUT]
    status = controller.finish(left, by_pytest=selection.by_pytest(config), partial=partial, complete=complete)
    if status == pytest.ExitCode.USAGE_ERROR or (exitstatus == pytest.ExitCode.OK and status != pytest.ExitCode.OK):
        session.exitstatus = status


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    controller = terminalreporter.config.stash.get(CONTROLLER, None)
    if controller is None:
        return
    terminalreporter.section("conformance")
    width = terminalreporter._tw.fullwidth  # noqa: SLF001 - pytest offers no other way to its width
    for line in controller.summary(colour=terminalreporter.hasmarkup, width=width):
        terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every server if the session did not reach `pytest_sessionfinish`."""
    controller = config.stash.get(CONTROLLER, None)
    if controller:
        controller.stop()
