// Snippets that reach this very server. Each stands by itself and plays an episode.
import { byId, copy, fill, h } from "./dom.js";

// [title, note, code], for a page that is served at `base` (no slash at its end) on `host`.
export function snippets(base, host) {
  return [
    [
      "OpenEnv",
      "The stock client, from any machine: pip install openenv",
      `from openenv.core.generic_client import GenericEnvClient

with GenericEnvClient(base_url="${base}").sync() as env:
    seen = env.reset(seed=7, split="train").observation
    print(seen["text"])
    result = env.step({"tool": "describe", "table": seen["tables"][0]})
    print(result.observation["text"], result.reward)
    result = env.step({"text": "ANSWER 42"})
    print(result.observation["score"]["verdict"], result.reward, result.done)
`,
    ],
    [
      "curl",
      "Plain HTTP: an episode keeps its place by episode_id.",
      `BASE=${base}
ID=$(curl -s $BASE/reset -H 'content-type: application/json' -d '{"seed": 7, "split": "train"}' |
  python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["metadata"]["episode_id"], file=sys.stdout); print(r["observation"]["text"], file=sys.stderr)')
curl -s $BASE/step -H 'content-type: application/json' \\
  -d '{"episode_id": "'$ID'", "action": {"text": "ANSWER 42"}}'
`,
    ],
    [
      "MCP",
      "For clients of the Model Context Protocol, over streamable HTTP. The tools are new_episode and the four actions.",
      `{
  "mcpServers": {
    "sqlenv": {"type": "http", "url": "${base}/mcp"}
  }
}
`,
    ],
    [
      "gRPC",
      "The fastest way, for training, where the operator publishes the port (not on hosted pages): pip install sqlenv, then sqlenv up",
      `from sqlenv import SqlEnvClient

with SqlEnvClient("${host}:50051") as client:
    with client.reset(split="train", seed=7) as episode:
        print(episode.observation.text)
        print(episode.describe(episode.observation.tables[0]).observation.text)
        result = episode.answer("42")
        print(result.reward, episode.episode_return)
`,
    ],
  ];
}

export function show() {
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  fill(
    byId("snippets"),
    snippets(base, location.hostname).map(([title, note, code], at) => {
      const text = h("pre", { tabindex: "0", "aria-label": `${title} snippet`, text: code });
      const button = h("button", { type: "button", class: "small", text: "Copy", "aria-label": `Copy the ${title} snippet` });
      button.addEventListener("click", () => copy(code, button));
      return h("details", { class: "snippet", name: "snippet", open: at === 0 }, h("summary", { text: title }), h("p", { class: "note", text: note }), h("div", { class: "code" }, text, button));
    }),
  );
}
