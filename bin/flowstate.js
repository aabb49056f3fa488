#!/usr/bin/env node
// Starts the command from the built library. CommonJS: it starts in half the time of the ES module build.
'use strict';
const path = require('node:path');

let cli;
try {
  cli = require(path.join(__dirname, '..', 'dist', 'cjs', 'cli', 'main.js'));
} catch (error) {
  const unbuilt = error.code === 'MODULE_NOT_FOUND' && /[\\/]dist[\\/]cjs[\\/]cli[\\/]main\.js'/.test(error.message);
  if (!unbuilt) throw error;
  process.stderr.write('flowstate: dist/ is missing: this is a checkout that was not built; run `npm ci`\n');
  process.exit(1);
}
void cli.main(process.argv.slice(2));
