/** `npx vite packages/desktop/ui`, then /dev/?rows=10000: the screens on generated data, without an agent. */
import { createRoot } from "react-dom/client";
import { App } from "../app.tsx";
import "../styles/index.css";
import { generatedBridge } from "./bridge.ts";

const rows = Number(new URLSearchParams(location.search).get("rows") ?? 400);
createRoot(document.getElementById("app")!).render(<App bridge={generatedBridge(rows)} />);
