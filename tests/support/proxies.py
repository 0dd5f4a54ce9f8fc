"""A real nginx with the documented configuration."""

import shutil
import subprocess
from pathlib import Path

from support.servers import ROOT, connects, free_port, until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
# only root can write to the default temporary folders
_MAIN = """
user root root;
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Nginx:
    """nginx in front of the services on two ports; of docs/nginx.conf only the addresses are replaced."""

    def __init__(self, folder: Path, ports: tuple[int, int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._errors = folder / "error.log"
        site = (ROOT / "docs" / "nginx.conf").read_text()
        addresses = {"listen 80": f"listen 127.0.0.1:{self.port}"}
        addresses |= {
            f"127.0.0.1:{documented}": f"127.0.0.1:{port}" for documented, port in zip((8081, 8082), ports, strict=True)
        }
        for documented, address in addresses.items():
            assert documented in site
            site = site.replace(documented, address)
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        command = [NGINX, "-e", str(self._errors), "-c", str(folder / "nginx.conf")]
        self._process = subprocess.Popen(command, start_new_session=True)
        until(lambda: connects(self.port))

    def error_lines(self) -> list[str]:
        """Return the lines of its error log."""
        return self._errors.read_text().splitlines()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
