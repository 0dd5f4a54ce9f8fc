"""The file of client keys under a running service: no fault in it ends what runs."""

import os
import signal
import time

import pytest
from support.keys import made
from support.servers import reply, until

OLD, OLD_LINE = made("old")
NEW, NEW_LINE = made("new")
SECONDS_AGO = 10


@pytest.fixture
def replace_keys(tmp_path):
    """Write the text of the key file, as if some seconds ago: a file of just now waits for the next check."""
    moments = iter(range(SECONDS_AGO * 100, 0, -1))

    def write(text):
        path = tmp_path / "keys"
        path.write_text(text)
        os.utime(path, (time.time() - next(moments),) * 2)
        return str(path)

    return write


def statuses(service):
    return [service.get("/v1/models", headers={"X-API-Key": key}).status_code for key in (OLD, NEW)]


def workers(service):
    return [process.pid for process in service.processes()[1:]]


@pytest.mark.parametrize("how", ["kill", "reload"])
def test_a_new_worker_starts_with_the_last_valid_keys(start, remote, replace_keys, how):
    remote.respond = lambda handler: reply(handler, {"data": [{"id": "org/small"}]})
    path = replace_keys(OLD_LINE)
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", API_KEYS_FILE=path)
    assert statuses(service) == [200, 401]
    replace_keys(NEW_LINE)
    until(lambda: statuses(service) == [401, 200])
    replace_keys("one line of nonsense")
    until(lambda: statuses(service) and any("line 1 begins with no name:hash pair" in line for line in service.lines))
    [before] = workers(service)
    os.kill(*((before, signal.SIGKILL) if how == "kill" else (service.process.pid, signal.SIGHUP)))
    until(lambda: before not in workers(service) and service.is_ready())
    assert statuses(service) == [401, 200]
    assert 'api_keys_file_valid{service="ai-huggingface"} 0.0' in service.get("/metrics").text
    replace_keys(OLD_LINE)
    until(lambda: statuses(service) == [200, 401])
    assert 'api_keys_file_valid{service="ai-huggingface"} 1.0' in service.get("/metrics").text
