"""The WSGI entry point: gunicorn -c gunicorn.conf.py wsgi:app."""

from app import create_app
from app.config import Config

app = create_app(Config.for_server())
