import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { AgentError } from "./bridge/bridge.ts";
import { httpBridge } from "./bridge/http.ts";
import { tauriBridge } from "./bridge/tauri.ts";
import { NoWay } from "./screens/no-way.tsx";
import "./styles/index.css";

const root = createRoot(document.getElementById("app")!);
const internals = window.__TAURI_INTERNALS__;
try {
  root.render(<App bridge={await (internals ? tauriBridge(internals) : httpBridge())} />);
} catch (error) {
  root.render(<NoWay error={AgentError.of(error)} />);
}
