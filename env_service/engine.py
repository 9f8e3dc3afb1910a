"""Episodes in terms of requests and responses, free of the transport: unary, batch and Play all end here."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Coroutine
from typing import Any, cast

from google.protobuf import timestamp_pb2

from env_service.config import EnvSettings
from env_service.episode import Admission, Episode, State
from env_service.explore import Explorer
from env_service.looks import Look, Looks
from env_service.metrics import EnvMetrics
from env_service.render import render
from env_service.scorer import RewardScorer
from env_service.sessions import Session, SessionStore, new_episode_id
from sqlenv.actions import Action
from sqlenv.convert import (
    ANSWER_TYPES,
    action_from_proto,
    action_to_proto,
    filter_from_proto,
    task_to_proto,
)
from sqlenv.errors import (
    EpisodeFinished,
    InvalidArgument,
    NotFound,
    StepConflict,
    StepOutOfRange,
    Unavailable,
    VersionMismatch,
)
from sqlenv.serving.fairness import peer_name
from sqlenv.tasks import DataSet, Task
from sqlenv.telemetry import logs
from sqlenv.telemetry.service import Telemetry
from sqlenv.types import RUBRICS
from sqlenv.v1 import environment_pb2, reward_pb2, types_pb2

MAX_REQUEST_ID_CHARS = 128


class Engine:
    """Resets and steps episodes of one data set."""

    def __init__(
        self,
        settings: EnvSettings,
        data: DataSet,
        explorer: Explorer,
        scorer: RewardScorer,
        metrics: EnvMetrics | None = None,
    ) -> None:
        self.data = data
        self.explorer = explorer
        self._metrics = metrics or EnvMetrics(Telemetry("environment"))
        bounds = (settings.max_sessions, settings.session_ttl_ms, settings.finished_ttl_ms)
        of_one = settings.max_peer_sessions
        self.sessions = SessionStore(*bounds, on_event=self._metrics.session, owner_capacity=of_one)
        self._metrics.watch_sessions(self.sessions, settings.max_sessions)
        self._settings = settings
        self._looks = Looks(explorer, settings.result_cache_bytes, self._metrics)
        self._scorer = scorer
        self._resets: dict[str, asyncio.Task[environment_pb2.ResetResponse]] = {}

    async def reset(self, request: environment_pb2.ResetRequest) -> environment_pb2.ResetResponse:
        """As the RPC."""
        request_id = request.request_id
        if len(request_id) > MAX_REQUEST_ID_CHARS:
            raise InvalidArgument(f"longer than {MAX_REQUEST_ID_CHARS} characters", field="request_id")
        if not request_id:
            return await self._start(request)
        known = self.sessions.by_request(request_id)
        if known is not None:
            return self._reset_response(known)
        under_way = self._resets.get(request_id)
        if under_way is None:
            under_way = asyncio.get_running_loop().create_task(self._start(request))
            self._resets[request_id] = under_way
            under_way.add_done_callback(lambda _: self._resets.pop(request_id, None))
        # A caller that goes away must not end the reset for the one that asks again.
        return await asyncio.shield(under_way)

    async def step(self, request: environment_pb2.StepRequest) -> environment_pb2.StepResponse:
        """As the RPC."""
        logs.episode_id.set(request.episode_id)
        session = self.sessions.get(request.episode_id)
        # The message itself, not the parsed action: a caller that sends the same bytes again means the same step.
        action_hash = hashlib.blake2b(request.action.SerializeToString(deterministic=True), digest_size=16).digest()
        index = request.step_index
        if session.under_way is not None:
            same_index, same_hash, response = session.under_way
            if (same_index, same_hash) == (index, action_hash):
                return await asyncio.shield(response)
            if same_index == index:
                raise _conflict(index)
        match session.episode.admit(index, action_hash):
            case Admission.REPEAT:
                self.sessions.touch(session)
                assert session.last_response is not None
                return session.last_response
            case Admission.CONFLICT:
                raise _conflict(index)
            case Admission.OUT_OF_RANGE:
                words = f"step_index is {index}, the next is {session.episode.step_count}"
                raise StepOutOfRange(words, field="step_index")
            case Admission.FINISHED:
                raise EpisodeFinished(f"the episode ended after {session.episode.step_count} steps; reset for another")
            case Admission.EXECUTE:
                pass
        action = action_from_proto(request.action)
        # Others that send the same step meanwhile wait for this one; see `_finish` for what they get if it fails.
        session.under_way = (index, action_hash, asyncio.get_running_loop().create_future())
        with self._metrics.step_span(session.episode_id, action):
            return await self._finish(session, self._take(session, action, action_hash))

    def get_episode(self, request: environment_pb2.GetEpisodeRequest) -> environment_pb2.GetEpisodeResponse:
        """As the RPC."""
        session = self.sessions.get(request.episode_id)
        episode = session.episode
        return environment_pb2.GetEpisodeResponse(
            task=task_to_proto(episode.task),
            seed=episode.seed,
            rubric=episode.rubric,
            state=_state(episode.state),
            next_step_index=episode.step_count,
            episode_return=episode.episode_return,
            observation=_observation(session),
            expire_time=self._expire_time(session),
        )

    def close_episode(self, request: environment_pb2.CloseEpisodeRequest) -> environment_pb2.CloseEpisodeResponse:
        """As the RPC."""
        self.sessions.close(request.episode_id)
        return environment_pb2.CloseEpisodeResponse()

    async def _start(self, request: environment_pb2.ResetRequest) -> environment_pb2.ResetResponse:
        session = self._new_session(request)
        replay = [(action_from_proto(action), action) for action in request.replay]
        self.sessions.reserve(session.owner)
        try:
            for action, message in replay:
                if session.episode.state is not State.RUNNING:
                    raise InvalidArgument("the replay goes on after the end of the episode", field="replay")
                digest = hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=16).digest()
                await self._take(session, action, digest)
        except BaseException:
            self.sessions.release(session.owner)
            raise
        self.sessions.add(session)
        self._metrics.session("resumed" if replay else "created")
        return self._reset_response(session)

    def _new_session(self, request: environment_pb2.ResetRequest) -> Session:
        if request.dataset_version not in ("", self.data.version):
            words = f"the episode was played on data set {request.dataset_version[:64]}, here is {self.data.version}"
            raise VersionMismatch(words, field="dataset_version")
        rubric = request.rubric or RUBRICS[0]
        if rubric not in RUBRICS:
            words = f"no rubric {rubric[:64]!r}; there are {', '.join(RUBRICS)}"
            raise InvalidArgument(words, reason="UNKNOWN_RUBRIC", field="rubric")
        if len(request.replay) > self._settings.max_steps:
            words = f"{len(request.replay)} actions, but the step budget is {self._settings.max_steps}"
            raise InvalidArgument(words, reason="REPLAY_TOO_LONG", field="replay")
        seed = request.seed if request.HasField("seed") else secrets.randbits(63)
        task = self._select(request.task, seed)
        episode = Episode(task, self.explorer.tables(task.db_id), seed, rubric, self._settings.max_steps)
        return Session(new_episode_id(), request.request_id, episode, owner=peer_name())

    def _select(self, selector: environment_pb2.TaskSelector, seed: int) -> Task:
        if selector.WhichOneof("kind") == "task_id":
            return self.task(selector.task_id, "task.task_id")
        task = self.data.draw(filter_from_proto(selector.filter), seed)
        if task is None:
            raise NotFound("no task of the data set fits the filter", reason="TASK_NOT_FOUND", field="task.filter")
        return task

    def task(self, task_id: str, field: str = "task_id") -> Task:
        """The task of this id. Raises NotFound."""
        task = self.data.by_id.get(task_id)
        if task is None:
            words = f"no task {task_id[:64]!r} in data set {self.data.name}; ListTasks lists them"
            raise NotFound(words, reason="TASK_NOT_FOUND", field=field)
        return task

    async def _finish(
        self, session: Session, taking: Coroutine[Any, Any, environment_pb2.StepResponse]
    ) -> environment_pb2.StepResponse:
        """Takes the step that is under way, and gives its outcome to all who wait for it."""
        assert session.under_way is not None
        waiting = session.under_way[2]
        try:
            response = await taking
        except BaseException as error:
            # A call that was cancelled has taken nothing; whoever else wants the step has to send it again.
            cancelled = isinstance(error, asyncio.CancelledError)
            waiting.set_exception(_send_again() if cancelled else error)
            waiting.exception()  # seen, even if nobody waits
            raise
        else:
            waiting.set_result(response)
            return response
        finally:
            session.under_way = None

    async def _take(self, session: Session, action: Action, action_hash: bytes) -> environment_pb2.StepResponse:
        """Executes and scores one step, and only then takes it: until its score is there nothing has changed."""
        episode = session.episode
        look = await self._looks.look(episode.task.db_id, action, episode.seed)
        scored = await self._scorer.score(
            reward_pb2.ScoreStepRequest(
                task_id=episode.task.task_id,
                rubric=episode.rubric,
                state=session.reward_state,
                transition=reward_pb2.Transition(
                    action=action_to_proto(action),
                    step_count=episode.step_count + 1,
                    truncates=episode.state_after(action) is State.TRUNCATED,
                    result=look.result,
                    error=look.error,
                    vm_steps=look.vm_steps,
                ),
                dataset_version=self.data.version,
            )
        )
        episode.commit(action, action_hash, scored.score.total)
        self._metrics.step(action)
        if episode.state is not State.RUNNING:
            self._metrics.session(episode.state.name.lower())
        session.reward_state = scored.state
        session.last_response = environment_pb2.StepResponse(
            observation=_observe(episode, look),
            reward=scored.score.total,
            score=scored.score,
            state=_state(episode.state),
            step_index=episode.step_count - 1,
        )
        self.sessions.touch(session)
        return session.last_response

    def _reset_response(self, session: Session) -> environment_pb2.ResetResponse:
        episode = session.episode
        return environment_pb2.ResetResponse(
            episode_id=session.episode_id,
            observation=_observation(session),
            expire_time=self._expire_time(session),
            task=task_to_proto(episode.task),
            seed=episode.seed,
            rubric=episode.rubric,
            state=_state(episode.state),
            next_step_index=episode.step_count,
            episode_return=episode.episode_return,
            dataset_version=self.data.version,
        )

    def _expire_time(self, session: Session) -> timestamp_pb2.Timestamp:
        moment = timestamp_pb2.Timestamp()
        moment.FromMilliseconds(int((time.time() + self.sessions.expires_in_s(session)) * 1000))
        return moment


def _conflict(index: int) -> StepConflict:
    return StepConflict(f"step {index} was taken with another action", field="step_index")


def _state(state: State) -> types_pb2.EpisodeState:
    return cast(types_pb2.EpisodeState, int(state))


def _observation(session: Session) -> types_pb2.Observation:
    if session.last_response is not None:
        return session.last_response.observation
    return _observe(session.episode, Look())


def _observe(episode: Episode, look: Look) -> types_pb2.Observation:
    view = episode.view()
    return types_pb2.Observation(
        question=view.question,
        tables=view.tables,
        answer_type=ANSWER_TYPES[view.answer_type],
        step_count=view.step_count,
        steps_left=view.steps_left,
        result=look.result,
        error=look.error,
        text=render(view, look.text),
    )


def _send_again() -> Unavailable:
    return Unavailable("the call that took this step was cancelled; send it again", "STEP_CANCELLED", retry_after_s=0.0)
