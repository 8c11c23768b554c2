import preact from "@preact/preset-vite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** Put the built script and style into one HTML file, which the Python package carries. */
function oneFile(target: string): Plugin {
  return {
    name: "one-file",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      let script = "";
      let style = "";
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk") script += file.code;
        else if (file.fileName.endsWith(".css")) style += String(file.source);
      }
      const frame = readFileSync(resolve(import.meta.dirname, "index.html"), "utf-8");
      const html = frame
        .replace(/\s*<script type="module" src="[^"]*"><\/script>/, "")
        .replace("</head>", () => `<style>${style.trim()}</style>\n</head>`)
        .replace("</body>", () => `<script type="module">${script.trim().replaceAll("</script", "<\\/script")}</script>\n</body>`);
      writeFileSync(target, html);
    },
    closeBundle() {
      rmSync(resolve(import.meta.dirname, "dist"), { recursive: true, force: true });
    },
  };
}

export default defineConfig({
  plugins: [preact({ devToolsEnabled: false }), oneFile(resolve(import.meta.dirname, "../src/spancast/view/page.html"))],
  build: { modulePreload: false, cssCodeSplit: false, assetsInlineLimit: 1_000_000 },
});
