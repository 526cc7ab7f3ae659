// A page with nothing but the package on it, in a folder that the business server serves.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function servePage(folder, pkg) {
  mkdirSync(folder, { recursive: true });
  cpSync(pkg, join(folder, "pkg"), { recursive: true });
  writeFileSync(join(folder, "main.js"), 'import * as jindou from "./pkg/index.js";\nglobalThis.jindou = jindou;\n');
  writeFileSync(join(folder, "index.html"), '<!doctype html><meta charset="utf-8"><title>client</title><script type="module" src="/main.js"></script>\n');
  return folder;
}
