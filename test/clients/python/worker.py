"""A worker written from the contract of the Rochallor engine: what a team's own program does, and nothing that knows Millrace."""

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request

BASE = os.environ["ENGINE_REST_URL"]
WORKER_ID = os.environ["WORKER_ID"]
TYPES = os.environ["JOB_TYPES"].split(",")
stopping = threading.Event()


def post(path, body):
    request = urllib.request.Request(BASE + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read()
        return json.loads(text) if text else None


def run(job):
    # In one write: the lines of other threads must not come between.
    print(f"ran {job['id']}\n", end="", flush=True)
    try:
        if job["variables"].get("flaky") and job["retriesRemaining"] == 2:
            raise RuntimeError("not the first time")
        post(f"/v1/jobs/{job['id']}/complete", {"workerId": WORKER_ID, "variables": {job["jobType"]: WORKER_ID}})
    except Exception as error:  # whatever goes wrong is told as a failure, as its SDK does
        body = {"workerId": WORKER_ID, "errorMessage": str(error), "retryable": True}
        try:
            post(f"/v1/jobs/{job['id']}/fail", body)
        except (urllib.error.URLError, OSError) as lost:
            print("fail failed", lost, flush=True)


def poll():
    while not stopping.is_set():
        try:
            answer = post("/v1/jobs/poll", {"workerId": WORKER_ID, "jobTypes": TYPES, "maxJobs": 64})
            jobs = answer["jobs"] or []
        except (urllib.error.URLError, OSError) as error:
            print("poll failed", error, flush=True)
            jobs = []
        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        stopping.wait(0.5)


def consume(job_type):
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["WE_KAFKA_SEED_BROKERS"],
            "group.id": f"workflow.workers.{job_type}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "partition.assignment.strategy": "cooperative-sticky",
        }
    )
    consumer.subscribe([f"workflow.jobs.{job_type}"])
    seen = set()
    while not stopping.is_set():
        message = consumer.poll(0.5)
        if message is None or message.error():
            continue
        fields = decode(message.value())
        if fields[2] not in seen:
            seen.add(fields[2])
            retries = fields.get(20, 0)
            run(
                {
                    "id": fields[10].decode(),
                    "jobType": fields[13].decode(),
                    "retriesRemaining": retries,
                    "variables": json.loads(fields[30]),
                }
            )
        consumer.commit(message)
    consumer.close()


def decode(value):
    """The fields of workflow.v1.JobDispatchEvent by number."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        result, shift = 0, 0
        while True:
            byte = value[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    while at < len(value):
        tag = varint()
        number = varint()
        if tag & 7 == 2:
            fields[tag >> 3] = value[at : at + number]
            at += number
        else:
            fields[tag >> 3] = number
    return fields


def main():
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    print("ready", flush=True)
    if os.environ.get("WE_DISPATCH_MODE") != "kafka_outbox":
        poll()
        return
    threads = [threading.Thread(target=consume, args=(job_type,)) for job_type in TYPES]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)


main()
