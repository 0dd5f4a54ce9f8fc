"""nginx, HAProxy and Apache with kept connections to one service, for requests with defects.

Each gives every request that it forwards an id of its own, `proxy-…`, whatever id the client has sent, and adds that id
to the response as X-Proxy-ID. So a request without such an id was not sent by the proxy, and a response whose
X-Request-ID differs from its X-Proxy-ID belongs to another request.
"""

import shutil
import subprocess
from pathlib import Path

from support.proxies import NGINX
from support.servers import connects, free_port, until

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
APACHE = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
APACHE_MODULES = Path("/usr/lib/apache2/modules")

_NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream service {{ server 127.0.0.1:{service}; keepalive 2; }}
    server {{
        listen 127.0.0.1:{port};
        lingering_close off;
        location / {{
            proxy_pass http://service; proxy_http_version 1.1; proxy_request_buffering off;
            proxy_set_header Connection ""; proxy_set_header X-Request-ID proxy-$request_id;
            proxy_next_upstream off;
            add_header X-Proxy-ID proxy-$request_id always;
        }}
    }}
}}
"""
_HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    option http-keep-alive
    http-reuse always
    retries 0
frontend outside
    bind 127.0.0.1:{port}
    http-request set-var(txn.id) uuid()
    http-request set-header X-Request-ID proxy-%[var(txn.id)]
    http-response set-header X-Proxy-ID proxy-%[var(txn.id)]
    default_backend service
backend service
    server service 127.0.0.1:{service} pool-max-conn 2
"""
# Apache drops headers that the client names in Connection, also its own X-Request-ID: no case may name that one.
# A unique id may contain @, which no request id of the service may
_APACHE = """
ServerRoot {folder}
ServerName x
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
RequestHeader set X-Request-ID "expr=proxy-%{{md5:%{{ENV:UNIQUE_ID}}}}"
Header always set X-Proxy-ID "expr=proxy-%{{md5:%{{ENV:UNIQUE_ID}}}}"
ProxyPass / http://127.0.0.1:{service}/ max=2 keepalive=On
"""
_MODULES = ("mpm_event", "authz_core", "unique_id", "headers", "proxy", "proxy_http")


class FramingProxy:
    """One proxy in front of one service."""

    def __init__(self, command: list[str], configuration: str, folder: Path, service: int) -> None:
        self.port = free_port()
        modules = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in _MODULES)
        file = folder / "proxy.conf"
        file.write_text(configuration.format(folder=folder, service=service, port=self.port, modules=modules))
        with (folder / "output.log").open("wb") as log:
            self._process = subprocess.Popen([*command, str(file)], stdout=log, stderr=log, start_new_session=True)
        until(lambda: connects(self.port))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def nginx(folder: Path, service: int) -> FramingProxy:
    return FramingProxy([str(NGINX), "-e", str(folder / "error.log"), "-c"], _NGINX, folder, service)


def haproxy(folder: Path, service: int) -> FramingProxy:
    return FramingProxy([str(HAPROXY), "-db", "-f"], _HAPROXY, folder, service)


def apache(folder: Path, service: int) -> FramingProxy:
    return FramingProxy([str(APACHE), "-D", "FOREGROUND", "-f"], _APACHE, folder, service)


PROXIES = {"nginx": (NGINX, nginx), "haproxy": (HAPROXY, haproxy), "apache": (APACHE, apache)}
