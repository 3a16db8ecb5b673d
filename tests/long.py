"""What `make test` leaves to others: parts of test ids, each with what still proves it in `make test`."""

LONG = (
    # The heading that README shows is compared with a round of two countries in test_run.py.
    "tests/system/test_sample_round.py::",
    # PyTorch is 2.5 GB; the scikit-learn example keeps the same contract.
    "tests/demand/test_contract.py::*neural_network",
    "tests/demand/test_traps.py::*neural_network",
    "tests/demand/test_other_frameworks.py::*neural_network",
    "tests/demand/test_shared_network.py::",
    "tests/demand/test_other_frameworks.py::test_without_a_gpu",
    "tests/demand/test_other_frameworks.py::test_it_is_trained_on_the_gpu",
    # Hadoop 3 has the same bad days.
    "tests/lake/test_faults.py::*hdfs-jars-2",
    # A first round stays, of three countries. What a second one does is decided in test_next_round.py and
    # test_automation.py, and a country whose file can't be read is left out in test_run.py.
    "tests/system/test_weekly_round.py::*all countries",
    "tests/system/test_weekly_round.py::test_a_redelivery",
    "tests/system/test_weekly_round.py::test_a_broken_country",
    "tests/system/test_weekly_round.py::test_bad_data",
    # A daemon's round is test_weekly_round.py, a job of the cluster test_metronome.py. That settings are refused stays.
    "tests/system/test_three_processes.py::test_a_round_goes",
    "tests/system/test_three_processes.py::test_every_run",
    "tests/system/test_three_processes.py::test_the_round_equals",
    "tests/system/test_three_processes.py::test_the_probes",
    "tests/system/test_three_processes.py::test_no_secret",
    # The retry after memory ran out stays; what each end of a container asks for is decided in test_more_memory.py.
    "tests/orchestration/test_needs.py::*[Terminated",
    "tests/orchestration/test_needs.py::*[Steps failed",
    # A corrupt country's sentence is in test_run.py, a retry from failure in test_reexecution.py.
    "tests/system/test_ui.py::test_a_corrupt_country",
    # The page's clicks stay with three countries. An asset is materialized alone in test_assets.py, and a run is
    # canceled in the launcher's test_launcher.py.
    "tests/system/test_ui.py::test_one_asset",
    "tests/system/test_ui.py::test_a_run_is_canceled",
    # The same run, started again from failure, stays.
    "tests/orchestration/test_reexecution.py::*[whole]",
    # An older week leaves the ERP alone in test_assets.py as well, a group of countries is priced in test_metronome.py,
    # and a process ends with its parent in test_local_launcher.py.
    "tests/commands/test_run.py::test_an_older_week",
    "tests/commands/test_run.py::test_the_country_group",
    "tests/commands/test_run.py::test_no_worker_outlives",
    # `make` itself is stopped there, at each program that it starts.
    "tests/test_makefile.py::test_a_program_of_ours",
    # The number of threads does not matter in test_determinism.py either, within one process.
    "tests/demand/test_traps.py::test_determinism_more_threads",
    # Ctrl-C is pressed in test_make_run_stops_by_ctrl_c; a SIGTERM takes the same way (test_workers.py).
    "tests/commands/test_run.py::test_a_stop_is_quiet",
    # The lock, its launcher and the end of a process with its parent are tried in test_local_launcher.py.
    "tests/system/test_lost_workers.py::",
    # Single weeks are waited for in test_weekly_round.py; which week is next is decided in test_automation.py.
    "tests/system/test_catch_up.py::",
    # Its commands are those that test_run.py runs, without an installation of its own.
    "tests/deploy/test_image.py::test_its_steps_install",
    "tests/deploy/test_image.py::test_a_release_changes",
    "tests/deploy/test_image.py::test_its_bill",
    "tests/deploy/test_image.py::test_it_does_not_start",
    "tests/deploy/test_image.py::test_its_health_check",
    "tests/deploy/test_image.py::test_it_writes_to_nothing",
    "tests/deploy/test_image.py::test_it_is_a_component",
    # The launcher's tests run beside it; that it imports nothing of ours is in test_architecture.py.
    "tests/metronome/test_alone.py::test_it_and_its_tests",
    # What the look decides in each of these is in test_health.py and test_job.py; the calls are those that stay.
    "tests/metronome/test_launcher.py::test_the_cluster_cannot_tell",
    "tests/metronome/test_launcher.py::test_a_worker_that_exits_0",
    "tests/metronome/test_launcher.py::test_the_agent_is_lost",
    "tests/metronome/test_launcher.py::test_a_run_between_the_runs",
    "tests/metronome/test_launcher.py::test_a_container_that_is_late",
    "tests/metronome/test_launcher.py::test_a_later_metronome",
    # The launcher is told to stop a run in test_launcher.py, without Dagster's servers.
    "tests/metronome/test_survival.py::test_canceled_while_it_runs",
    # Of the long list of faults a lost answer, a killed daemon and a stop stay. All others have their decision in
    # test_health.py, test_outage.py and test_job.py, and most their call in test_launcher.py.
    "tests/metronome/test_survival.py::test_45_launches",
    "tests/metronome/test_survival.py::test_a_bad_tag",
    "tests/metronome/test_survival.py::test_a_definition",
    "tests/metronome/test_survival.py::test_a_run_",
    "tests/metronome/test_survival.py::test_a_stop",
    "tests/metronome/test_survival.py::test_a_worker_exits",
    "tests/metronome/test_survival.py::test_an_unknown",
    "tests/metronome/test_survival.py::test_canceled_while_it_waits",
    "tests/metronome/test_survival.py::test_iam_is_down",
    "tests/metronome/test_survival.py::test_metronome_is_restarted",
    "tests/metronome/test_survival.py::test_no_",
    "tests/metronome/test_survival.py::test_the_agent_is_lost",
    "tests/metronome/test_survival.py::test_the_answer_to_creating",
    "tests/metronome/test_survival.py::test_the_history",
    "tests/metronome/test_survival.py::test_the_queue",
    "tests/metronome/test_survival.py::test_the_token",
    "tests/metronome/test_survival.py::test_the_worker_is_killed",
    "tests/metronome/test_survival.py::test_two_daemons",
    "tests/metronome/test_survival.py::test_wrong_credentials",
    "tests/metronome/test_survival.py::test_errors_and_cut",
    "tests/metronome/test_survival.py::*[504]",
    "tests/metronome/test_survival.py::*[None]",
    "tests/metronome/test_survival.py::*[before the job is made]",
    "tests/metronome/test_survival.py::*[after the start]",
    # A round on DC/OS is test_three_processes.py, lost answers are in test_survival.py, and what a stop leaves of a
    # round is in test_run.py.
    "tests/system/test_metronome.py::test_a_round",
    "tests/system/test_metronome.py::test_a_stop",
    # The job itself runs on Spark in the tests that stay; only the command's own Spark is left out.
    "tests/etl/test_snapshot_job.py::test_one_round",
    "tests/etl/test_snapshot_job.py::test_the_commands_error",
    # What the rounds write is read in test_lines.py, without a search server.
    "tests/elastic/test_daemon.py::",
    "tests/elastic/test_dashboard.py::",
    "tests/elastic/test_rules.py::",
    # The same in one market of two.
    "tests/demand/test_traps.py::*[2]",
    # A failover in good order stays, while publishing; after a crash the client waits for its time limit.
    "tests/lake/test_faults.py::test_a_failover_in_the_middle_of_a_read",
    "tests/lake/test_faults.py::test_a_failover_in_the_middle_of_a_publish_goes_unnoticed[hdfs-jars-after a crash]",
    # The same for fewer random countries.
    "tests/markdown/test_rules_are_kept.py::test_no_output_and_no_planned_path_breaks_a_rule_in_hundreds_of_countries",
    # A season is played by its parts in test_twin.py, of which one family stays; a forecast in test_replay.py.
    "tests/commands/test_backtest.py::test_seasons_are_played",
    "tests/commands/test_backtest.py::test_a_model_that_breaks_its_contract_in_a_worker",
    "tests/backtest/test_twin.py::*linear_demand",
    "tests/backtest/test_twin.py::*reference_logit",
    "tests/backtest/test_twin.py::*threshold_customers",
    # The same with fewer random deliveries and files.
    "tests/fuzz/test_deliveries.py::test_hundreds",
    "tests/fuzz/test_files.py::test_thousands",
    # A stop by SIGTERM ends in the same way.
    "tests/system/test_stop_of_code_server.py::*[compose]",
    # The same where the plan is worth more in some cells than in others.
    "tests/arms/test_effect.py::*[0.0]",
    # The same on PostgreSQL, which production has.
    "tests/erp/test_tables.py::test_many_processes_may_make_the_tables_at_once[sqlite]",
)


NODE = ("tests/image/", "tests/kubernetes/test_node.py::")
"""For `make test-node`: image and node are built and run, minutes each. Parts of both are tried in tests/deploy and in
tests/kubernetes/test_launcher.py."""


def has_none(file: str, marks: str) -> bool:
    """Whether a file has no test of those that `pytest -m` asks for, so that it need not be imported.

    >>> has_none("tests/test_weeks.py", "long"), has_none("tests/test_weeks.py", "not long and not node")
    (True, False)
    """
    entries = {"long": LONG, "node": NODE}.get(marks)
    return entries is not None and not file.startswith(tuple(entry.partition("::")[0] for entry in entries))


def is_of_node(nodeid: str) -> bool:
    return nodeid.startswith(NODE)


def is_long(nodeid: str) -> bool:
    """
    >>> is_long("tests/lake/test_faults.py::test_a_failover[hdfs-jars-2]")
    True
    >>> is_long("tests/lake/test_faults.py::test_a_failover[hdfs-jars]")
    False
    """
    return any(head in nodeid and all(part in nodeid for part in parts) for head, *parts in _PARTS)


_PARTS = [listed.split("::*") for listed in LONG]
