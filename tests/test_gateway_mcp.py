"""MCP: the official SDK's client plays an episode; OpenEnv's dialect; the WebSocket; bad requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

from gateway.tools import NAMES
from tests.gateways import LiveGateway, Talk, gateway, gold_sql, http
from tests.live import LiveServices
from tests.test_gateway_ws import DEEP, until

TASK = "campus_pets-001"


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services) as started:
        yield started


async def test_a_standard_client_plays_an_episode(live: LiveGateway) -> None:
    before = len(live.sessions)
    async with streamable_http_client(f"{live.url}/mcp") as (read, write, *_):
        async with ClientSession(read, write) as session:
            about = await session.initialize()
            assert about.serverInfo.name == "sqlenv"
            assert "new_episode" in (about.instructions or "")
            tools = (await session.list_tools()).tools
            assert tuple(tool.name for tool in tools) == NAMES
            assert all(tool.description and tool.inputSchema["type"] == "object" for tool in tools)
            early = await session.call_tool("describe", {"table": "pet"})
            assert early.isError
            assert "new_episode" in early.content[0].text
            told = await session.call_tool("new_episode", {"task_id": TASK, "seed": 3})
            assert not told.isError
            assert "How many dogs" in told.content[0].text
            assert len(live.sessions) == before + 1
            told = await session.call_tool("describe", {"table": "pet"})
            assert "species" in told.content[0].text
            told = await session.call_tool("sample", {"table": "pet", "rows": 2})
            assert len(told.structuredContent["observation"]["result"]["rows"]) == 2
            told = await session.call_tool("query", {"sql": "SELECT no_such FROM pet"})
            assert told.isError
            assert "no_such" in told.content[0].text
            told = await session.call_tool("query", {"sql": gold_sql(TASK)})
            assert told.structuredContent["observation"]["result"]["rows"] == [[57]]
            told = await session.call_tool("answer", {"value": "57"})
            assert told.structuredContent["done"]
            assert told.structuredContent["reward"] > 1
            assert "return is 1." in told.content[0].text
            told = await session.call_tool("answer", {"value": "57"})
            assert told.isError
            assert "ended" in told.content[0].text
            told = await session.call_tool("new_episode", {})
            assert not told.isError
            assert len(live.sessions) == before + 1
    until(lambda: len(live.sessions) == before)  # its goodbye ends the session


async def test_two_clients_have_two_episodes(live: LiveGateway) -> None:
    async with streamable_http_client(f"{live.url}/mcp") as (read, write, *_), ClientSession(read, write) as one:
        async with (
            streamable_http_client(f"{live.url}/mcp") as (read2, write2, *_),
            ClientSession(read2, write2) as two,
        ):
            await one.initialize()
            await two.initialize()
            await one.call_tool("new_episode", {"task_id": TASK})
            early = await two.call_tool("query", {"sql": "SELECT 1"})
            assert early.isError
            await two.call_tool("new_episode", {"task_id": TASK})
            for _ in range(3):
                told = await one.call_tool("query", {"sql": "SELECT 1"})
            assert told.structuredContent["observation"]["step_count"] == 3
            told = await two.call_tool("query", {"sql": "SELECT 1"})
            assert told.structuredContent["observation"]["step_count"] == 1


async def test_arguments_that_do_not_fit(live: LiveGateway) -> None:
    async with streamable_http_client(f"{live.url}/mcp") as (read, write, *_), ClientSession(read, write) as session:
        await session.initialize()
        for arguments, field in (
            ({"seed": "abc"}, "seed"),
            ({"task_id": 7}, "task_id"),
            ({"nope": 1}, "nope"),
            ({"rubric": "x"}, "rubric"),
        ):
            told = await session.call_tool("new_episode", arguments)
            assert told.isError
            assert told.structuredContent["error"]["field"] == field
        await session.call_tool("new_episode", {"task_id": TASK, "split": None})
        told = await session.call_tool("sample", {"table": "pet", "rows": "many"})  # a step that failed
        assert told.isError
        assert told.structuredContent["observation"]["error"]["kind"] == "invalid_action"
        told = await session.call_tool("nope", {})
        assert told.isError
        assert told.structuredContent["error"]["reason"] == "UNKNOWN_TOOL"
        with pytest.raises(McpError):
            await session.read_resource("file:///etc/passwd")


def rpc(client: httpx.Client, method: str, params: Any = None, **fields: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **fields}
    answer = client.post("/mcp", json=request)
    assert answer.status_code == 200
    return answer.json()


def test_openenvs_dialect(live: LiveGateway) -> None:
    with http(live) as client:
        assert rpc(client, "initialize")["result"]["serverInfo"]["name"] == "sqlenv"
        assert rpc(client, "ping") == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202
        assert [tool["name"] for tool in rpc(client, "tools/list")["result"]["tools"]] == list(NAMES)
        session_id = rpc(client, "openenv/session/create")["result"]["session_id"]
        with Talk(live, f"?session_id={session_id}") as talk:
            talk.reset(task_id=TASK)
            call = {"name": "query", "arguments": {"sql": "SELECT 1"}, "session_id": session_id}
            assert not rpc(client, "tools/call", call)["result"]["isError"]
            assert talk.state()["step_count"] == 1
            listed = talk.send({"type": "mcp", "data": {"jsonrpc": "2.0", "id": "a", "method": "tools/list"}})
            assert (listed["type"], listed["data"]["id"]) == ("mcp", "a")
            own = {"jsonrpc": "2.0", "id": 2, "method": "tools/call"}
            own["params"] = {"name": "answer", "arguments": {"sql": gold_sql(TASK)}}
            assert talk.send({"type": "mcp", "data": own})["data"]["result"]["structuredContent"]["reward"] > 1
        assert rpc(client, "openenv/session/close", {"session_id": session_id})["result"]["closed"]
        assert "error" in rpc(client, "openenv/session/close", {"session_id": session_id})


def test_an_episode_with_nothing_but_single_requests(live: LiveGateway) -> None:
    with http(live) as client:
        started = rpc(client, "tools/call", {"name": "new_episode", "arguments": {"task_id": TASK}})["result"]
        session_id = started["structuredContent"]["metadata"]["session_id"]
        call = {"name": "answer", "arguments": {"value": 57}, "session_id": session_id}
        assert rpc(client, "tools/call", call)["result"]["structuredContent"]["reward"] > 1


def test_the_websocket_of_the_dialect(live: LiveGateway) -> None:
    before = len(live.sessions)
    with Talk(live, path="/mcp") as talk:
        assert talk.send("{")["error"]["code"] == -32700
        assert talk.send(b"\x00")["error"]["code"] == -32700
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "new_episode"}}
        assert "error" not in talk.send(call)
        call["params"] = {"name": "query", "arguments": {"sql": "SELECT 1"}}
        assert talk.send(call)["result"]["structuredContent"]["observation"]["step_count"] == 1
        assert len(live.sessions) == before + 1
    until(lambda: len(live.sessions) == before)


BAD: list[tuple[Any, int]] = [
    ({}, -32600),
    ([], -32600),
    ("x", -32600),
    (None, -32600),
    ({"jsonrpc": "1.0", "method": "ping"}, -32600),
    ({"jsonrpc": "2.0"}, -32600),
    ({"jsonrpc": "2.0", "method": 7}, -32600),
    ({"jsonrpc": "2.0", "method": "ping", "params": []}, -32600),
    ({"jsonrpc": "2.0", "method": "ping", "id": {}}, -32600),
    ({"jsonrpc": "2.0", "method": "ping", "id": True}, -32600),
    ({"jsonrpc": "2.0", "method": "ping", "no_such": 1}, -32600),
    ({"jsonrpc": "2.0", "method": "nope", "id": 1}, -32601),
    ({"jsonrpc": "2.0", "method": "x" * 10_000, "id": 1}, -32601),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": 7}}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "nope"}}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "query", "arguments": []}}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "query", "session_id": "nope"}}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "query", "session_id": 7}}, -32602),
    ({"jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": {"name": "query", "arguments": {}}}, -32000),
    ({"jsonrpc": "2.0", "method": "openenv/session/close", "id": 1}, -32602),
    ({"jsonrpc": "2.0", "method": "openenv/session/close", "id": 1, "params": {"session_id": "nope"}}, -32602),
]


@pytest.mark.parametrize(("request_", "code"), BAD, ids=range(len(BAD)))
def test_bad_requests(live: LiveGateway, request_: Any, code: int) -> None:
    with http(live) as client:
        answer = client.post("/mcp", content=json.dumps(request_))
        assert answer.status_code == 200
        told = answer.json()
        assert (told["jsonrpc"], told["error"]["code"]) == ("2.0", code), told
        assert len(answer.content) < 1_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", DEEP.encode(), b"NaN"], ids=range(5))
def test_what_is_no_json(live: LiveGateway, body: bytes) -> None:
    with http(live) as client:
        assert client.post("/mcp", content=body).json()["error"]["code"] == -32700


def test_the_protocols_own_errors(live: LiveGateway) -> None:
    both = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    with http(live) as client:
        assert client.post("/mcp", content=b"{", headers=both).status_code == 400
        gone = client.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
            headers={**both, "mcp-session-id": "nope"},
        )
        assert gone.status_code == 404
        assert client.delete("/mcp", headers={"mcp-session-id": "nope"}).status_code == 404
        assert client.put("/mcp").status_code == 405
