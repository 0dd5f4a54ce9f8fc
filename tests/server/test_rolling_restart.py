"""Two instances behind a real nginx with docs/nginx.conf: restarted under load, they fail no request."""

import pytest
from support.proxies import NGINX, Nginx
from support.rolling import Instances, Load, answer

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.skipif(NGINX is None, reason="no nginx is installed (Debian: apt-get install nginx-light)"),
]


@pytest.fixture
def instances(remote):
    remote.answer = answer
    started = Instances(OPENAI_BASE_URL=f"{remote.url}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")
    yield started
    started.stop()


@pytest.fixture
def nginx(instances, tmp_path):
    started = Nginx(tmp_path, instances.ports)
    yield started
    started.stop()


def test_a_rolling_restart_fails_and_repeats_no_request(nginx, instances, remote):
    load = Load(nginx.url, callers=12, at_least=1500)
    instances.roll()
    load.stop()
    assert not load.failed
    assert len(remote.requests) == load.generations
    assert instances.restarts == 2
