#!/usr/bin/python3
"""The agent's metrics, read by Prometheus: promtool finds nothing to say, and a real server scrapes the same numbers as
the books have.

    prometheus.py AGENT EXAMPLES_DIR       exit code 77: there is no promtool here
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

agent, examples = sys.argv[1:3]
if not shutil.which("promtool") or not shutil.which("prometheus"):
    sys.exit(77)

# What an operator's panels and alerts are made of.
WANTED = """
payi_agent_build_info payi_agent_rings payi_agent_ring_backlog_bytes payi_agent_ring_backlog_events
payi_agent_events_tracked_total payi_agent_events_stored_total payi_agent_events_dropped_total
payi_agent_events_rejected_total payi_agent_events_refused_total payi_agent_books_balanced
payi_agent_drain_seconds_bucket payi_agent_commit_seconds_bucket payi_agent_store_failing
payi_agent_sink_events payi_agent_sink_oldest_event_age_seconds payi_agent_sink_requests_total
payi_agent_sink_items_total payi_agent_sink_retries_total payi_agent_sink_responses_total
payi_agent_sink_request_seconds_bucket payi_agent_database_bytes payi_agent_database_wal_bytes
payi_agent_config_last_reload_success process_start_time_seconds process_cpu_seconds_total
process_resident_memory_bytes process_open_fds process_max_fds
""".split()


def wait(ask, what):
    deadline = time.monotonic() + 30
    while not (answer := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.05)
    return answer


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def value(port, query):
    text = get(f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
    rows = json.loads(text)["data"]["result"] if text else []
    return float(rows[0]["value"][1]) if rows else None


def check(data, rings, environment):
    log = data / "agent.log"
    port = wait(lambda: re.search(r"local HTTP listens.* port=(\d+)", log.read_text()), "the agent").group(1)
    subprocess.run([f"{examples}/genai_service", "--processes", "2", "--requests", "400", "--ring-dir", rings],
                   check=True, env=environment, stdout=subprocess.DEVNULL)
    metrics = get(f"http://127.0.0.1:{port}/metrics")
    lint = subprocess.run(["promtool", "check", "metrics"], input=metrics, text=True, capture_output=True)
    if lint.returncode or lint.stdout or lint.stderr:
        sys.exit(f"promtool: {lint.stdout}{lint.stderr}")
    missing = [name for name in WANTED if not re.search(rf"^{name}[ {{]", metrics, flags=re.M)]
    if missing:
        sys.exit(f"there is no {missing} in\n{metrics}")
    stored = int(re.search(r"^payi_agent_events_stored_total (\d+)$", metrics, flags=re.M).group(1))
    scrape(data, port, stored)
    print(f"{len(metrics.splitlines())} lines of metrics, {stored} events")


def scrape(data, agent_port, stored):
    config = data / "prometheus.yml"
    config.write_text("scrape_configs:\n- job_name: payi-agent\n  scrape_interval: 1s\n"
                      f"  static_configs: [{{targets: ['127.0.0.1:{agent_port}']}}]\n")
    subprocess.run(["promtool", "check", "config", config], check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    server = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: value(port, "up") == 1, "a scrape")
        for query, expected in (("payi_agent_events_stored_total", stored),
                                ("payi_agent_commit_seconds_count > bool 0", 1),
                                ("payi_agent_config_last_reload_success", 1)):
            if value(port, query) != expected:
                sys.exit(f"Prometheus says {query} = {value(port, query)}, not {expected}")
        wait(lambda: (value(port, "histogram_quantile(0.99, payi_agent_commit_seconds_bucket)") or 0) > 0, "a quantile")
    finally:
        server.terminate()
        server.wait()


def main():
    data = pathlib.Path(tempfile.mkdtemp(prefix="payi-prometheus-", dir="/tmp"))
    rings = tempfile.mkdtemp(prefix="payi-prometheus-", dir="/dev/shm")
    environment = {**os.environ, "PAYI_CONFIG": "/dev/null", "PAYI_DATA_DIR": str(data), "PAYI_RING_DIR": rings}
    for name in ("PAYI_API_KEY", "ASCERTA_API_KEY", "PAYI_API_KEY_FILE"):
        environment.pop(name, None)
    with open(data / "agent.log", "w") as log:
        process = subprocess.Popen([agent, "run", "--http-listen=127.0.0.1:0"], env=environment, stderr=log)
    try:
        check(data, rings, environment)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(data)
        shutil.rmtree(rings)


main()
