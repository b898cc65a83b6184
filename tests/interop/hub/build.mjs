// Bundles the vendor's pages with the packages as they are published: `node build.mjs FOLDER`.
import { build } from "esbuild";

await build({
  entryPoints: ["element.js", "component.jsx", "hook.jsx"].map((name) => `pages/${name}`),
  outdir: process.argv[2],
  bundle: true,
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
});
