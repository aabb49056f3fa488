// Bundles the command into one file. Finding, reading and compiling the 250 files that it needs of the library,
// apache-arrow and commander takes longer than joining a million rows; of one file, half of it left out, a tenth of
// that. What stays outside: the addon's loader (one copy for the process), DuckDB's JavaScript API and the progress
// bar, which are loaded on first use if ever. The library's own builds are not bundled: programs share their copy of
// apache-arrow with it.
import { build } from 'esbuild';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const EXTERNAL = ['#addon', '@duckdb/node-api', '@duckdb/node-bindings', 'cli-progress'];

/** Folders of the packages whose code went into the bundle. */
function packagesIn(metafile) {
  const found = Object.keys(metafile.inputs).map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  return [...new Set(found.filter((folder) => folder !== undefined))].sort();
}

/** Their licences ask to be carried along. A package that has none cannot go in. */
function licencesOf(folders) {
  const parts = folders.map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file));
    if (!files.some((file) => /^licen/i.test(file))) throw new Error(`${name} is bundled, but carries no licence`);
    const texts = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
    return [`${name} ${version}`, ...texts].join('\n\n');
  });
  return `${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** commander asks for child_process, 10 ms, for subcommands that are programs of their own; there are none. */
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup(plugins) {
    plugins.onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path, namespace: 'lazy' } : undefined,
    );
    plugins.onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: "module.exports = { get spawn() { return require('child_process').spawn; } };",
    }));
  },
};

/** Writes `flowstate.cjs` and the licences of what it holds into `folder`. */
export async function bundleCommand(folder) {
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, 'flowstate.cjs');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['lib/cli/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // ES modules where a package has them: unused exports of the others cannot be left out.
    mainFields: ['module', 'main'],
    external: EXTERNAL,
    // Imports on first use become `require` on first use: they work however the file is loaded.
    supported: { 'dynamic-import': false },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: [lazyChildProcess],
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), licencesOf(packagesIn(metafile)));
  // A file of one-byte characters is read, hashed and compiled at twice the speed.
  const foreign = /[^\n]{0,30}[^\0-\x7f]/.exec(readFileSync(outfile, 'utf8'));
  if (foreign !== null) throw new Error(`the bundle is not ASCII: write \\u escapes in ${foreign[0]}`);
}
