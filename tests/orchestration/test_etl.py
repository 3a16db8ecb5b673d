"""What the Spark job is given."""

import json
import subprocess
import sys

from markdown_pricing.orchestration.etl import with_little

SECRETS = {
    "DB_PASSWORD": "a",
    "DAGSTER_PG_PASSWORD": "b",
    "MARKDOWN_PRICING_ALERTS": "slack://c",
    "METRONOME_PASSWORD": "d",
    "AWS_SECRET_ACCESS_KEY": "e",
}


def test_the_spark_job_gets_none_of_our_secrets() -> None:
    """A cluster's driver has no business with them; what Spark and Hadoop read, and what it answers by, stays."""
    needed = {"PATH": "/usr/bin:/bin", "SPARK_HOME": "/opt/spark", "HADOOP_CONF_DIR": "/etc/hadoop", "LC_ALL": "C"}
    pipes = {"DAGSTER_PIPES_CONTEXT": "x", "PYTHONPATH": "/src"}
    given = {**SECRETS, **needed}
    asked = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]

    # As Dagster starts it: what it adds itself is not in this process's environment.
    told = subprocess.run(with_little(asked, given), env={**given, **pipes}, capture_output=True, text=True, check=True)

    seen = json.loads(told.stdout)
    assert {name: seen[name] for name in needed | pipes} == needed | pipes
    assert not SECRETS.keys() & seen.keys()
