// Builds the demo page: www/ and the package `jindou` (pkg/, found by its own name through package.json) into www/dist.
//
//   --env client=FILE   another module in the place of `jindou`: the page tests put a scripted client there
//   --env output=DIR    another place than www/dist
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { EsbuildPlugin } from "esbuild-loader";
import HtmlWebpackPlugin from "html-webpack-plugin";
import MiniCssExtractPlugin from "mini-css-extract-plugin";
import webpack from "webpack";

const www = fileURLToPath(new URL("./www", import.meta.url));
// What the wasm client needs anyway (reference types, bulk memory) is younger than these.
const target = ["chrome120", "firefox121", "safari17.4"];

/**
 * The service worker, which makes the page load without a network, must know the name of every file that was built.
 * Its source is a template: the two constants on top are written here. A changed file changes its own bytes, and so the browser takes the new one.
 */
class ServiceWorkerPlugin {
  apply(compiler) {
    const name = "service-worker.js";
    compiler.hooks.thisCompilation.tap(name, (compilation) => {
      compilation.fileDependencies.add(resolve(www, name));
      const stage = webpack.Compilation.PROCESS_ASSETS_STAGE_REPORT;
      compilation.hooks.processAssets.tap({ name, stage }, (assets) => {
        const files = Object.keys(assets).filter((file) => !/\.(map|txt)$/.test(file)).sort();
        const hash = compiler.webpack.util.createHash("md4");
        for (const file of files) hash.update(file).update(assets[file].buffer());
        const constants = `const version = ${JSON.stringify(hash.digest("hex").slice(0, 16))};\nconst files = ${JSON.stringify(files)};\n`;
        compilation.emitAsset(name, new webpack.sources.RawSource(constants + readFileSync(resolve(www, name), "utf8")));
      });
    });
  }
}

export default (env, { mode = "production" }) => ({
  mode,
  context: www,
  entry: { page: "./src/main.tsx" },
  devtool: mode === "production" ? false : "source-map",
  output: {
    path: env.output ? resolve(env.output) : resolve(www, "dist"),
    filename: "[name].[contenthash:12].js",
    assetModuleFilename: "[name].[contenthash:12][ext]",
    publicPath: "/",
    clean: true,
  },
  resolve: {
    extensions: [".tsx", ".ts", ".js"],
    alias: env.client ? { jindou$: resolve(env.client) } : {},
  },
  module: {
    rules: [
      { test: /\.tsx?$/, loader: "esbuild-loader", options: { target, jsx: "automatic", jsxImportSource: "preact" } },
      // package.json says that importing a file of the package does nothing by itself; a stylesheet does.
      { test: /\.css$/, use: [MiniCssExtractPlugin.loader, "css-loader"], sideEffects: true },
      { test: /\.(svg|webmanifest)$/, type: "asset/resource" },
    ],
  },
  optimization: { minimizer: [new EsbuildPlugin({ target, css: true, legalComments: "none" })] },
  plugins: [
    new HtmlWebpackPlugin({ template: "index.html", scriptLoading: "module" }),
    new MiniCssExtractPlugin({ filename: "[name].[contenthash:12].css" }),
    new ServiceWorkerPlugin(),
  ],
  performance: { hints: false },
  stats: mode === "production" ? "errors-warnings" : "normal",
});
