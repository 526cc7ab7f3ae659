// Opens the system's Chromium for tests that drive a page, or with JINDOU_BROWSER=firefox its Firefox, over WebDriver BiDi.
// playwright-core stays at 1.64: from 1.65 on it always sends emulation.setMediaFeaturesOverride, which Firefox 153 ESR does not know.
import { chromium, firefox } from "playwright-core";

import { browser as installed } from "../setup.mjs";
import { Problem } from "./shell.mjs";

// A container has no sandbox to give and little shared memory; the rest keeps a test's browser from talking to anybody.
const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"];

// Without a display Firefox has no mouse, and the page would take the machine for a phone: a fine pointer, and hover.
const firefoxUserPrefs = { "ui.primaryPointerCapabilities": 6, "ui.allPointerCapabilities": 6 };

const kinds = {
  chromium: { type: chromium, settings: { args } },
  firefox: { type: firefox, settings: { channel: "moz-firefox", firefoxUserPrefs } },
};

const name = process.env.JINDOU_BROWSER || "chromium";
/** For what Firefox cannot be told to play. */
export const isFirefox = name === "firefox";

function chosen() {
  const kind = kinds[name];
  if (!kind) throw new Problem(`JINDOU_BROWSER is "${name}": please say "chromium" or "firefox".`);
  const executablePath = installed()[name];
  if (!executablePath) throw new Problem(name === "chromium" ? 'There is no Chromium: please run "npm run setup -- test".' : "There is no Firefox: please install one.");
  return { type: kind.type, settings: { ...kind.settings, executablePath } };
}

/** A browser whose contexts each are a person of their own. What they store is in memory only. */
export async function openBrowser(options = {}) {
  const { type, settings } = chosen();
  return type.launch({ ...settings, ...options });
}

/** One context with its profile in `folder`, so that what it stores is on disk and is there after the next start. */
export async function openProfile(folder, options = {}) {
  const { type, settings } = chosen();
  return type.launchPersistentContext(folder, { ...settings, ...options });
}
