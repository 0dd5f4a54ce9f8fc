"""nginx as the upstream, and nginx as a plain proxy for comparison."""

from pathlib import Path

from bench.process import Command
from bench.wire import EVENTS, PACE, SLOW, TEXT, chunk, completion

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
_FRAME = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
%(module)s
events { worker_connections 16384; }
http {
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 10m;
    client_body_buffer_size 64k;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
%(rest)s
}
"""
# the request body selects the response, so a gateway needs only one upstream address
_UPSTREAM = """
    map $request_body $kind {
        default plain;
        '~"stream": ?true' stream;
        '~"model": ?"slow"' slow;
        '~"logprobs": ?true' word;
    }
    server {
        listen 127.0.0.1:%(port)d backlog=8192;
        location = /v1/chat/completions { echo_read_request_body; echo_exec /$kind; }
        location = /plain { internal; return 200 '%(plain)s'; }
        location = /word { internal; return 200 '%(word)s'; }
        location = /slow { internal; echo_sleep %(slow)s; echo_exec /plain; }
        location = /stream {
            internal;
            default_type text/event-stream;
            add_header X-Accel-Buffering no;
%(events)s
        }
    }
"""
_FLOOR = """
    upstream source { server 127.0.0.1:%(upstream)d; keepalive 1024; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:%(port)d backlog=8192;
        location / { proxy_pass http://source; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
"""


def upstream(folder: Path, port: int) -> Command:
    """Return the command of the upstream: chat completions at once, after 60 ms, or as a paced stream."""
    values = {"plain": completion(TEXT), "word": completion("positive"), "events": _events()}
    rest = _UPSTREAM % {"port": port, "slow": SLOW, **values}
    return _nginx(folder, f"load_module {ECHO_MODULE};", rest)


def floor(folder: Path, port: int, upstream: int) -> Command:
    """Return the command of nginx as a proxy in front of the upstream's port."""
    return _nginx(folder, "", _FLOOR % {"port": port, "upstream": upstream})


def _events() -> str:
    deltas = [{"content": f"tick{number} "} for number in range(EVENTS)]
    paced = f" echo_flush; echo_sleep {PACE};\n".join(f"echo 'data: {chunk(delta)}\n';" for delta in deltas)
    return f"{paced} echo 'data: {chunk({}, 'stop')}\n'; echo 'data: [DONE]\n';"


def _nginx(folder: Path, module: str, rest: str) -> Command:
    (folder / "nginx.conf").write_text(_FRAME % {"module": module, "rest": rest})
    return Command(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder)
