// Build of the page: everything from this machine, nothing inlined (the server's Content-Security-Policy forbids it).
import { defineConfig } from "vite";

const api = { target: "http://127.0.0.1:8080" };

export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
  server: { host: "127.0.0.1", proxy: { "/api": api, "/metrics": api } },
});
