"""The encoder's process, server, turns and files, without models; tests/server runs the real ones."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.embedded import process
from app.embedded.encoder import embeddings, files
from app.embedded.encoder import process as encoder_process
from app.embedded.encoder.errors import InvalidInput, ModelFileDiffers, ModelFileMissing
from app.embedded.encoder.files import ModelFile
from app.embedded.encoder.models import Models
from app.embedded.encoder.server import MAX_BODY_BYTES
from app.embedded.encoder.turns import MAX_SINGLES_IN_A_ROW, Turns

# a server whose operations need no models; `slow` prints its input and waits for a line
PROGRAM = """
import sys
from app.embedded.encoder.errors import InvalidInput, ModelFileDiffers
from app.embedded.encoder.models import Models
from app.embedded.encoder.server import EncoderServer

ERRORS = {"input": InvalidInput("Not this one."), "memory": MemoryError(), "file": ModelFileDiffers("Another.")}

def echo(text, options):
    if "error" in options:
        raise ERRORS[options["error"]]
    return text, len(text)

def slow(text, options):
    print(text, flush=True)
    sys.stdin.readline()
    return text, 1

server = EncoderServer(0, Models(), {"echo": lambda models: echo, "slow": lambda models: slow})
print(server.server_port, flush=True)
server.serve_forever()
"""


class Server:
    """The running program, and its port."""

    def __init__(self, process):
        self.process = process
        self.server_port = int(self.read())
        self.server_address = ("127.0.0.1", self.server_port)

    def read(self):
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def server():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], text=True, **pipes) as running:
        yield Server(running)
        running.terminate()


@pytest.fixture
def ask(server):
    """Send a request over a connection that stays open; return its status and its JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)

    def ask(method, path, body=None, headers=()):
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    yield ask
    connection.close()


def body(*inputs, **options):
    return json.dumps({"inputs": inputs, **options})


def test_each_input_has_its_output_and_its_tokens(ask):
    for _ in range(2):  # on the same connection
        assert ask("POST", "/echo", body("a", "bc")) == (200, {"outputs": ["a", "bc"], "tokens": [1, 2]})


def test_health_needs_no_model(ask):
    assert ask("GET", "/health") == (200, {"status": "ok"})
    assert ask("GET", "/echo")[0] == 404


@pytest.mark.parametrize("given", ["", "{", "[]", "{}", '{"inputs": []}', '{"inputs": "a"}', '{"inputs": {"a": 1}}'])
def test_a_malformed_request_is_400_and_the_connection_stays(ask, given):
    status, answer = ask("POST", "/echo", given)
    assert (status, answer["error"]["type"]) == (400, "invalid_request")
    assert ask("POST", "/echo", body("a"))[0] == 200


def test_an_unknown_operation_is_404(ask):
    assert ask("POST", "/nothing", body("a"))[1]["error"]["type"] == "not_found"


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [("input", 400, "invalid_request"), ("memory", 503, "overloaded"), ("file", 503, "model_unusable")],
)
def test_what_an_operation_raises_is_answered(ask, kind, status, name):
    found, answer = ask("POST", "/echo", body("a", error=kind))
    assert (found, answer["error"]["type"]) == (status, name)
    assert ask("POST", "/echo", body("a"))[0] == 200


@pytest.mark.parametrize(("length", "status"), [("", 400), ("x", 400), (str(MAX_BODY_BYTES + 1), 413)])
def test_a_body_without_a_valid_length_ends_the_connection(server, length, status):
    with socket.create_connection(server.server_address) as client:
        header = f"Content-Length: {length}\r\n" if length else ""
        client.sendall(f"POST /echo HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_list_ends_when_its_client_has_gone(server, ask):
    given = body("a", *"bcdefghij").encode()  # a single call keeps its turn
    with socket.create_connection(server.server_address) as client:
        client.sendall(b"POST /slow HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(given) + given)
        assert server.read() == "a"
    server.process.stdin.write("\n\n\n")
    server.process.stdin.flush()
    assert ask("POST", "/slow", body("d"))[0] == 200
    assert server.read() == "d"


class Order:
    """Starts threads that take turns one after the other, and holds the first until all wait."""

    def __init__(self):
        self.turns = Turns()
        self.ran = []
        self._threads = []
        self._held = threading.Event()

    def add(self, name, *, single):
        queued = len(self.turns)
        thread = threading.Thread(target=self._run, args=(name, single))
        thread.start()
        self._threads.append(thread)
        while name != "first" and len(self.turns) == queued:
            pass

    def _run(self, name, single):
        with self.turns.turn(single=single):
            if name == "first":
                self._held.wait(10)
            self.ran.append(name)

    def finish(self):
        self._held.set()
        for thread in self._threads:
            thread.join(10)
        return self.ran


def test_single_calls_run_before_texts_of_lists_and_lists_in_their_order():
    order = Order()
    order.add("first", single=False)
    for name, single in [("list 1", False), ("list 2", False), ("single 1", True), ("single 2", True)]:
        order.add(name, single=single)
    assert order.finish() == ["first", "single 1", "single 2", "list 1", "list 2"]


def test_a_list_runs_after_a_row_of_single_calls():
    order = Order()
    order.add("first", single=False)
    order.add("list", single=False)
    for _ in range(MAX_SINGLES_IN_A_ROW + 2):
        order.add("single", single=True)
    assert order.finish().index("list") == MAX_SINGLES_IN_A_ROW + 1


def test_an_error_in_a_turn_lets_the_next_one_run():
    turns = Turns()
    with pytest.raises(InvalidInput), turns.turn(single=True):
        raise InvalidInput
    with turns.turn(single=True):
        assert len(turns) == 0


def test_a_model_is_loaded_once_however_many_ask():
    loaded, models = [], Models(2)

    def load(given):
        loaded.append(given.threads)
        return object()

    threads = [threading.Thread(target=models.get, args=(load,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert models.get(load) is models.get(load)
    assert loaded == [2]


def test_a_model_that_could_not_be_loaded_is_tried_again():
    models, results = Models(), iter([ModelFileMissing("gone"), "loaded"])

    def load(given):
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    with pytest.raises(ModelFileMissing):
        models.get(load)
    assert models.get(load) == "loaded"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the test with one file; return the name of the package."""
    folder = tmp_path / "model_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise AssertionError('models are data')")
    (folder / "weights").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_a_file_is_found_without_importing_its_package(package):
    with pytest.raises(ModelFileDiffers, match="weights of model_of_a_test"):
        ModelFile(package, "weights", hashlib.sha256(b"others").hexdigest()).checked()
    file = ModelFile(package, "weights", hashlib.sha256(b"weights").hexdigest())
    assert file.checked().read_bytes() == b"weights"


@pytest.mark.parametrize(("name", "path"), [("no_such_package", "weights"), ("model_of_a_test", "another")])
def test_a_file_that_is_missing_is_named(package, name, path):
    with pytest.raises(ModelFileMissing, match=name):
        ModelFile(name, path, "").checked()


def test_the_documentation_has_each_file_with_its_hash():
    page = (Path(__file__).parents[2] / "docs" / "embedded-engine.md").read_text()
    pinned = [one for one in vars(files).values() if isinstance(one, ModelFile | files.ModelFolder)]
    assert len(pinned) > 3
    assert not [one for one in pinned if f"`{one.package}/{one.path}` | `{one.sha256}`" not in page]


def test_only_texts_of_known_models_are_embedded():
    class Vectors:
        multilingual_all = staticmethod(lambda texts: [([1], 1) for _ in texts])
        english = staticmethod(lambda text: ([2], 2))

    models = Models()
    models.get = lambda load: Vectors
    operation = embeddings.load(models)
    assert operation.run(["a", "b"], {}) == [([1], 1)] * 2
    assert operation.run(["a", "b"], {"model": "bge-small-en-v1.5"}) == [([2], 2)] * 2
    for text, options in ((5, {}), ("a", {"model": "gpt2"}), ("a", {"model": []})):
        with pytest.raises(InvalidInput):
            operation.run([text], options)


def test_short_texts_are_read_in_groups_but_for_the_model_whose_vectors_depend_on_them():
    short, long = "x" * 100, "x" * 2000
    split = embeddings.load(Models()).split
    assert [len(group) for group in split([short] * 5 + [long, short, 5, short], {})] == [2, 2, 1, 1, 1, 1, 1]
    assert list(split([short] * 3, {"model": "bge-small-en-v1.5"})) == [[short]] * 3


def test_a_port_that_is_taken_ends_the_process_with_one_line(monkeypatch, capsys):
    monkeypatch.setattr(encoder_process, "end_with_parent", lambda *arguments: None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    size, interval = threading.stack_size(), sys.getswitchinterval()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as caught:
            encoder_process.main("1", str(taken.getsockname()[1]), "1")
    finally:
        threading.stack_size(size)
        sys.setswitchinterval(interval)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert caught.value.code == process.EXIT_UNUSABLE
    assert capsys.readouterr().out.endswith("cannot be used: Address already in use\n")


def test_a_process_at_rest_has_loaded_no_library_of_models():
    program = (
        "import sys, app.embedded.encoder.process; print([n for n in ('numpy', 'onnxruntime') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_process_ends_with_its_parent_on_sigterm():
    command = [sys.executable, "-m", "app.embedded.encoder.process", str(os.getpid()), "0", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout.readline().strip() == process.READY
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 0
