"""What `make test` leaves to `make test-long`: parts of test ids, each with what still proves it in `make test`."""

LONG = (
    # PyTorch is 2.5 GB; the scikit-learn example keeps the same contract.
    "neural_network",
    # Hadoop 3 has the same bad days.
    "tests/lake/test_faults.py::*hdfs-jars-2",
    # The round of eight countries is the same one.
    "tests/system/test_weekly_round.py::*all countries",
    # Single weeks are waited for in test_weekly_round.py; which week is next is decided in test_automation.py.
    "tests/system/test_catch_up.py::",
    # Two daemons share six launches; one of the sizes of the published way.
    "tests/metronome/test_survival.py::test_45_launches",
    "tests/metronome/test_survival.py::*[GET *]",
    "tests/metronome/test_survival.py::*[POST /acs/*]",
    "tests/metronome/test_survival.py::*[DELETE *]",
    "tests/metronome/test_survival.py::*[504]",
    "tests/metronome/test_survival.py::*[None]",
    # What the rounds write is read in test_lines.py, without a search server.
    "tests/elastic/test_daemon.py::",
    "tests/elastic/test_dashboard.py::",
    "tests/elastic/test_rules.py::",
    # The same in one market of two.
    "tests/demand/test_traps.py::*[2]",
    # Either way of failing over stays once: after a crash while reading, in good order while publishing.
    "tests/lake/test_faults.py::test_a_failover_in_the_middle_of_a_read_goes_unnoticed[hdfs-jars-in good order]",
    "tests/lake/test_faults.py::test_a_failover_in_the_middle_of_a_publish_goes_unnoticed[hdfs-jars-after a crash]",
    # The same for fewer random countries.
    "tests/markdown/test_rules_are_kept.py::test_no_output_and_no_planned_path_breaks_a_rule_in_hundreds_of_countries",
    # A season is played by its parts in test_twin.py, of which two families stay; a forecast in test_replay.py.
    "tests/backtest/test_command.py::test_seasons_are_played",
    "tests/backtest/test_command.py::test_a_model_that_breaks_its_contract_in_a_worker",
    "tests/backtest/test_twin.py::*linear_demand",
    "tests/backtest/test_twin.py::*reference_logit",
    # The same on PostgreSQL, which production has.
    "tests/erp/test_tables.py::test_many_processes_may_make_the_tables_at_once[sqlite]",
)


def is_long(nodeid: str) -> bool:
    """
    >>> is_long("tests/lake/test_faults.py::test_a_failover[hdfs-jars-2]")
    True
    >>> is_long("tests/lake/test_faults.py::test_a_failover[hdfs-jars]")
    False
    """
    return any(all(part in nodeid for part in listed.split("::*")) for listed in LONG)
