"""The gateway: SQLEnv's episodes over HTTP, WebSocket and MCP, for OpenEnv clients, browsers and Spaces."""
