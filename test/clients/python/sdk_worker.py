"""A team's own program on the published SDK of the Rochallor engine: its runners and its clients, with handlers that tell what they ran."""

import os
import time

from workflow_sdk.client.grpc import GrpcEngineClient
from workflow_sdk.client.rest import RestEngineClient
from workflow_sdk.handler.registry import HandlerRegistry
from workflow_sdk.runner.kafka_runner import KafkaRunner
from workflow_sdk.runner.runner import Runner

WORKER_ID = os.environ["WORKER_ID"]


def handle(job):
    # In one write: the lines of other threads must not come between.
    print(f"ran {job['id']}\n", end="", flush=True)
    time.sleep(job["variables"].get("seconds", 0))
    if job["variables"].get("flaky") and job["retriesRemaining"] == 2:
        raise RuntimeError("not the first time")
    return {job["jobType"]: WORKER_ID}


def connect():
    if os.environ.get("WORKER_TRANSPORT") == "grpc":
        return GrpcEngineClient(os.environ["ENGINE_GRPC_HOST"])
    return RestEngineClient(os.environ["ENGINE_REST_URL"])


def main():
    registry = HandlerRegistry()
    for job_type in os.environ["JOB_TYPES"].split(","):
        registry.register(job_type, handle)
    print("ready", flush=True)
    if os.environ.get("WE_DISPATCH_MODE") == "kafka_outbox":
        KafkaRunner(WORKER_ID, os.environ["WE_KAFKA_SEED_BROKERS"], connect(), registry).run()
    elif os.environ.get("WORKER_HEARTBEAT"):
        Runner(connect(), registry, WORKER_ID, heartbeat=True, lease_seconds=5, heartbeat_interval=1).run()
    else:
        Runner(connect(), registry, WORKER_ID).run()


main()
