// The script and the module must agree on every name; where they do not, the build says so and not the browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { shortened } from "../../scripts/lib/names.mjs";

const script = `function open() {
    return wasm.engine_open(wasm.__wbindgen_malloc(1));
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_now_12: function() {
            return { __wbg_now_12: 1 };
        },
        __wbg_send_3f: function(arg0) { return handleError(function () {
            arg0.send();
        }, arguments); },
    };
    return {
        __proto__: null,
        "./jindou_bg.js": import0,
    };
}
`;
const exports = [["engine_open", "c"], ["__wbindgen_malloc", "$"]];
const imports = [["./jindou_bg.js", "__wbg_now_12", "$a"], ["./jindou_bg.js", "__wbg_send_3f", "b"]];
const said = (names) => JSON.stringify(names);

test("every import and export gets the module's short name, and nothing else changes", () => {
  const text = shortened(script, `warning: something\n${said({ imports, exports })}\n`);
  const expected = script.replace("wasm.engine_open", "wasm.c").replace("wasm.__wbindgen_malloc", "wasm.$")
    .replace("        __wbg_now_12: function", "        $a: function").replace("__wbg_send_3f", "b").replace('"./jindou_bg.js"', "a");
  assert.equal(text, expected);
});

test("a name that one of the two does not have is a sentence, not a page that fails", () => {
  assert.throws(() => shortened(script, said({ imports: [...imports, ["./jindou_bg.js", "__wbg_gone_9", "d"]], exports })), /has no __wbg_gone_9/);
  assert.throws(() => shortened(script, said({ imports, exports: exports.slice(1) })), /calls engine_open, which the module does not export/);
  assert.throws(() => shortened(script.replace("import0,", "other,"), said({ imports, exports })), /does not name the module as it did/);
  assert.throws(() => shortened(script, "done"), /does not say how it shortened the names/);
});
