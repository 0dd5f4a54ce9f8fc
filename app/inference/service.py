"""Runs operations: the backend makes the plan, PlanExecutor runs it on the model's targets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.backends.base import Backend, Plan
from app.backends.types import Result, Validation
from app.context.call_context import CallContext
from app.context.tasks import task_of
from app.errors import ModelNotFound
from app.inference.plan_executor import PlanExecutor

Q = TypeVar("Q")
R = TypeVar("R", bound=Result)

# a method of Backend, such as Backend.chat
Operation = Callable[[Backend, Q, str | None], Plan[R]]


@dataclass(frozen=True)
class InferenceService:
    """Runs the operations of the backends.

    Each method takes the context of the client's request, and raises a ServiceError if no backend responds.
    """

    executor: PlanExecutor

    def run(
        self, context: CallContext, operation: Operation[Q, R], request: Q, model: str | None, task: str | None = None
    ) -> R:
        """Run an operation, named by its method of Backend, on a model; None stands for the default model.

        `task` is the operation that the method runs, if it can run several. Returns an UpstreamStream, after its first
        event, if the request asks for a stream.
        """
        method = operation.__name__  # each target's backend has its own method of this name
        context.task = task_of(task or method)
        return self.executor.execute(
            context, model, lambda target: getattr(target.backend, method)(request, target.model)
        )

    def validate(self, context: CallContext, model: str) -> Validation:
        """Return whether a model can be used; fallbacks are not asked."""
        try:
            target = self.executor.models.targets(model)[0]
        except ModelNotFound as error:
            return Validation(False, error.message)
        name = target.model_for(context.operation)
        if name is None:
            return Validation(False, "OPENAI_DEFAULT_MODEL is not set, so the server chooses its own default model.")
        return self.executor.run_target(context, target, lambda _: target.backend.validate(name))

    def probe(self, context: CallContext, backend: Backend, plan: Plan[None]) -> None:
        """Make the call of a probe of the backend; raise its error."""
        self.executor.drive_plan(context, backend, plan)
