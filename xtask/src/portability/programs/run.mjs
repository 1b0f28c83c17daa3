// Runs a test program of WebAssembly: run.mjs FILE DIRECTORY ARGUMENT...
// One for WASI gets standard output, the arguments and the directory. One for no system at all gets nothing: its result
// is the number that `main` returns. A test that panics is a trap, and the stack names the test.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

Error.stackTraceLimit = 60;
// WASI has no threads. Debian's C library lacks the functions that say so.
const ENOTSUP = 58;

const [file, directory, ...rest] = process.argv.slice(2);
const module = await WebAssembly.compile(await readFile(file));
const imported = WebAssembly.Module.imports(module);
if (imported.length === 0) {
  const { exports } = await WebAssembly.instantiate(module);
  process.exit(exports.main(0, 0));
}
const wasi = new WASI({
  version: 'preview1',
  args: [file, ...rest],
  env: { CARGO_MANIFEST_DIR: directory },
  preopens: { [directory]: directory, '.': directory },
});
const threads = imported.filter(({ module, name }) => module === 'env' && name.startsWith('pthread_'));
const env = Object.fromEntries(threads.map(({ name }) => [name, () => ENOTSUP]));
process.exit(wasi.start(await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env })));
