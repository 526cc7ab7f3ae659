// Opens the system's Chromium for tests that drive a page. Firefox needs a build of its own for this library, so it is not offered.
import { chromium } from "playwright-core";

import { browser as installed } from "../setup.mjs";
import { Problem } from "./shell.mjs";

// A container has no sandbox to give and little shared memory; the rest keeps a test's browser from talking to anybody.
const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"];

function executable() {
  const { chromium: path } = installed();
  if (!path) throw new Problem('There is no Chromium: please run "npm run setup -- test".');
  return path;
}

/** A browser whose contexts each are a person of their own. What they store is in memory only. */
export function openBrowser(options = {}) {
  return chromium.launch({ executablePath: executable(), args, ...options });
}

/** One context with its profile in `folder`, so that what it stores is on disk and is there after the next start. */
export function openProfile(folder, options = {}) {
  return chromium.launchPersistentContext(folder, { executablePath: executable(), args, ...options });
}
