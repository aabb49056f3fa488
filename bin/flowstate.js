#!/usr/bin/env node
// Starts the command from its bundle. CommonJS: it starts in half the time of an ES module.
'use strict';
const { BUNDLE, loadCommand } = require('./load-command.cjs');
const argv = process.argv.slice(2);

// libduckdb takes 60 ms to load and to open. Where Parquet is at hand it will be needed, so that begins on a thread of
// the addon, while this one loads the command. What goes wrong there goes wrong again where it is reported.
function warmEngine() {
  if (argv[0] !== 'join' || process.env.FLOWSTATE_BACKEND === 'javascript') return;
  if (!argv.some((word) => /\.parquet$/i.test(word))) return;
  const loader = require('../native/load.cjs');
  const { addon } = loader.load();
  const library = loader.duckdbLibrary();
  if (typeof addon?.warmEngine !== 'function' || library === null) return;
  addon.warmEngine({ library, threads: 0 }).promise.catch(() => undefined);
}

let command;
try {
  warmEngine();
  ({ command } = loadCommand());
} catch (error) {
  if (error.code !== 'ENOENT' || error.path !== BUNDLE) throw error;
  process.stderr.write('flowstate: dist/ is missing: this is a checkout that was not built; run `npm ci`\n');
  process.exit(1);
}
void command.main(argv);
