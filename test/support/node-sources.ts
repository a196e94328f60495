/**
 * Sources as programs of their own. Their types are stripped by WebAssembly, and V8 in an emulated machine now and then ended
 * itself as it made faster code of that (scripts/test.mjs says the same to the test files).
 */
export const nodeForSources: readonly [string, ...string[]] = [
  process.execPath,
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
]
