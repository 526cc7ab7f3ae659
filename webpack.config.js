// Builds the demo page from www/ into www/dist, which the business server serves. The client comes in as any user of the package gets it:
// `import { Client } from "jindou"` is this package's own "exports".
import HtmlWebpackPlugin from "html-webpack-plugin";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));

export default {
  mode: "production",
  context: join(root, "www"),
  entry: "./main.js",
  output: {
    path: join(root, "www", "dist"),
    filename: "[name].[contenthash:8].js",
    assetModuleFilename: "[name].[hash:8][ext]",
    publicPath: "/",
    clean: true,
  },
  // Source maps beside the files: the page's policy forbids eval, which the quicker kinds need.
  devtool: "source-map",
  plugins: [new HtmlWebpackPlugin({ template: "index.html", scriptLoading: "module" })],
  // A hint about size belongs to the benches, which measure it.
  performance: { hints: false },
};
