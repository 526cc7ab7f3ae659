// Small things that outlive the page: accounts, language, theme, names. JSON in localStorage and sessionStorage, which may both be refused by the
// browser (private windows, full disks): then the page forgets, and works.

function read(shelf: () => Storage, key: string): unknown {
  try {
    const text = shelf().getItem(`jindou.${key}`);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function write(shelf: () => Storage, key: string, value: unknown): void {
  try {
    if (value === undefined) shelf().removeItem(`jindou.${key}`);
    else shelf().setItem(`jindou.${key}`, JSON.stringify(value));
  } catch {
    // Refused: what was to be kept lives as long as the page.
  }
}

const lasting = () => localStorage;
const ofThisWindow = () => sessionStorage;

/** What was stored comes back as `unknown`: an older version of the page may have written it. */
export const kept = (key: string): unknown => read(lasting, key);
/** `undefined` removes. */
export const keep = (key: string, value: unknown): void => write(lasting, key, value);
export const keptHere = (key: string): unknown => read(ofThisWindow, key);
export const keepHere = (key: string, value: unknown): void => write(ofThisWindow, key, value);
