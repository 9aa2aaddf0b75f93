"""Each call of the published client that is not a worker's, and one word of each answer."""

import json
import os

from workflow_sdk.client.rest import RestEngineClient
from workflow_sdk.errors import EngineClientError

FLOW = {
    "id": "sdk::calls",
    "name": "Calls",
    "steps": [
        {"id": "ask", "name": "Ask", "type": "USER_TASK", "nextStep": "again"},
        {"id": "again", "name": "Again", "type": "USER_TASK", "nextStep": "end"},
        {"id": "end", "name": "End", "type": "END"},
    ],
}


def refused(call):
    try:
        call()
    except EngineClientError as error:
        return error.status_code
    return None


def main():
    with RestEngineClient(os.environ["API_URL"]) as client:
        uploaded = client.upload_definition(FLOW)
        started = client.start_instance("sdk::calls", {"n": 1}, uploaded["version"], "key-1")
        task = client.get_instance_history(started["id"])[0]["ID"]
        client.complete_user_task(task, completed_by="ann", result={"approved": True})
        after = client.get_instance(started["id"])
        answers = {
            "version": uploaded["version"],
            "steps": len(client.get_definition("sdk::calls")["steps"]),
            "found": client.list_definitions("sdk::calls")["total"],
            "began": [started["status"], started["currentStepIds"], started["businessKey"]],
            "after": [after["status"], after["currentStepIds"], after["variables"]],
            "cancelled": client.cancel_instance(started["id"], "enough")["status"],
            "refused": [
                refused(lambda: client.cancel_instance(started["id"])),
                refused(lambda: client.complete_user_task(task)),
                refused(lambda: client.get_instance("nothing")),
                refused(lambda: client.start_instance("nothing")),
            ],
        }
    print(json.dumps(answers))


main()
