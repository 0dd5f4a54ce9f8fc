"""A minimal gateway for comparison: one Flask view and one requests session."""

import os
from typing import Any

import requests
from flask import Flask, request
from requests.adapters import HTTPAdapter

app = Flask(__name__)
session = requests.Session()
session.trust_env = False
session.mount("http://", HTTPAdapter(pool_maxsize=256))
url = os.environ["UPSTREAM"] + "/chat/completions"


@app.post("/v1/chat/completions")
def complete() -> Any:
    return session.post(url, json=request.get_json(), timeout=30).json()
