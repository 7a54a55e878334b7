import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` beside a running gateway: everything of the API goes there, with its session and socket.
const gateway = process.env.MAKIMA_URL ?? "http://127.0.0.1:8420";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../makima_gateway/web_build",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows no data: but for images
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { pluginTimings: false },
      // what two pages share is one file: twenty small ones took 7 kB more, and as many requests
      output: { codeSplitting: { groups: [{ name: "shared", test: /src\/(components|lib)|node_modules/, minShareCount: 2 }] } },
    },
  },
  // the gateway takes a session's writes from its own pages only: here they come from this server's
  server: { proxy: { "/api": { target: gateway, ws: true, changeOrigin: true, headers: { origin: gateway } } } },
  test: { include: ["src/**/*.test.ts"], environment: "node", pool: "threads", isolate: false, maxWorkers: 1 }, // pure modules share nothing: one thread takes a third of the processor
});
