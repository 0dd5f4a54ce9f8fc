"""The object that the structured outputs of the clients fit."""

from pydantic import BaseModel


class Person(BaseModel):
    """A person."""

    name: str
    age: int
