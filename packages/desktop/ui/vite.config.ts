import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const repository = join(root, "../../..");

/** Packages built into the window; those of the core are in package.json's dependencies. */
const windowPackages = ["react", "react-dom", "radix-ui", "@tanstack/react-virtual", "lucide-react"];

/** The licences of everything that is built in, as `virtual:licences`. */
function licences(): Plugin {
  const id = "virtual:licences";
  const read = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return {
    name: "licences",
    resolveId: (wanted) => (wanted === id ? `\0${id}` : undefined),
    load(wanted) {
      if (wanted !== `\0${id}`) return undefined;
      const names = [...Object.keys(read(repository).dependencies), ...windowPackages, "bun"].sort();
      const list = names.map((name) => {
        const { version, license } = read(join(repository, "node_modules", name));
        return { name, version, licence: license };
      });
      return `export default ${JSON.stringify(list)};`;
    },
  };
}

/** Fixed file names: the host and the native shell embed exactly these (host/assets.ts). */
export default defineConfig({
  root,
  base: "/",
  plugins: [licences()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: ["chrome125", "safari17.5"],
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      // "use client" means nothing in a window that has no server.
      onLog: (level, log, next) => log.code === "MODULE_LEVEL_DIRECTIVE" || next(level, log),
      output: {
        codeSplitting: false,
        entryFileNames: "app.js",
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith(".css")) ? "app.css" : "[name][extname]",
      },
    },
  },
});
