// Holds the sources to the dependency order of the design: imports inside lib/ go one way, the C++ core knows neither
// Node nor CUDA, the order book includes nothing of ours. Prints every breach; a test runs the same function.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file may import from its own rank and from lower ones. */
const RANKS = [
  ['errors', 'internal', 'schema'],
  ['join'],
  ['stream', 'features', 'labels', 'orderbook'],
  ['storage'],
  ['replay'],
  ['device'],
  ['tensor'],
  ['pipeline'],
  ['loader', 'store'],
  ['server', 'cli'],
];
const RANK = new Map(RANKS.flatMap((names, rank) => names.map((name) => [name, rank])));

const INCLUDES = [
  {
    where: /^cpp\/(include|src|test|fuzz)\//,
    forbidden: /^(napi\.h|node_api\.h|js_native_api.*|cuda.*\.h|.*binding\/.*)$/,
    rule: 'the core compiles without Node-API and without CUDA headers',
  },
  {
    where: /^cpp\/binding\/(?!napi_setup\.h$)/,
    forbidden: /^(napi\.h|node_api\.h)$/,
    rule: 'binding/napi_setup.h is the only includer of napi.h',
  },
  { where: /^cpp\/binding\//, forbidden: /^cuda.*\.h$/, rule: 'the binding reaches CUDA through the device interface' },
  { where: /^cuda\/include\//, forbidden: /^(napi\.h|.*\.cuh)$/, rule: 'host-callable CUDA headers hold no kernels' },
  { where: /^cuda\//, forbidden: /^(napi\.h|node_api\.h)$/, rule: 'kernels know nothing of Node' },
  { where: /^orderbook\//, forbidden: /^flowstate\//, rule: 'the order book includes nothing of ours' },
];

function* walk(folder, pattern) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* walk(join(folder, entry.name), pattern);
    else if (pattern.test(entry.name)) yield join(folder, entry.name);
  }
}

/** Module names that a TypeScript source imports or re-exports, dynamically too. */
export function importsOf(source) {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+|\brequire\s*\(\s*)['"]([^'"]+)['"]/gm);
  return [...found].map((match) => match[1]);
}

/** Every breach below `root`, one line each. */
export function findBreaches(root) {
  const breaches = [];
  const edges = new Map();
  for (const file of walk(join(root, 'lib'), /\.ts$/)) {
    const path = relative(root, file).split(sep).join('/');
    const folder = path.split('/').length > 2 ? path.split('/')[1] : 'index';
    if (folder !== 'index' && !RANK.has(folder))
      breaches.push(`${path}: folder lib/${folder} has no place in the order`);
    for (const name of importsOf(readFileSync(file, 'utf8'))) {
      if (name === '#addon' && path !== 'lib/internal/native.ts') {
        breaches.push(`${path}: only lib/internal/native.ts imports the addon`);
      }
      if (!name.startsWith('.')) continue;
      if (!name.endsWith('.js')) breaches.push(`${path}: relative import '${name}' must end in .js`);
      const target = posix.normalize(posix.join(posix.dirname(path), name));
      if (!target.startsWith('lib/')) {
        breaches.push(`${path}: imports ${target}, outside lib/`);
        continue;
      }
      const into = target.split('/').length > 2 ? target.split('/')[1] : 'index';
      if (folder === 'index' || folder === into) continue;
      // The command is a program over the public interface, so it alone may use the index.
      if (into === 'index') {
        if (folder !== 'cli') breaches.push(`${path}: imports the index`);
      } else if ((RANK.get(into) ?? Infinity) > (RANK.get(folder) ?? -1)) {
        breaches.push(`${path}: imports ${target}; ${folder} may not depend on ${into}`);
      } else {
        edges.set(`${folder}>${into}`, path);
      }
    }
  }
  for (const [edge, path] of edges) {
    const [from, to] = edge.split('>');
    if (from < to && edges.has(`${to}>${from}`)) {
      breaches.push(`${path}: lib/${from} and lib/${to} import each other (see ${edges.get(`${to}>${from}`)})`);
    }
  }
  for (const top of ['cpp', 'cuda', 'orderbook']) {
    for (const file of walk(join(root, top), /\.(h|hpp|cc|cpp|cu|cuh)$/)) {
      const path = relative(root, file).split(sep).join('/');
      const text = readFileSync(file, 'utf8');
      for (const [, include] of text.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)) {
        for (const { where, forbidden, rule } of INCLUDES) {
          if (where.test(path) && forbidden.test(include)) breaches.push(`${path}: includes ${include}; ${rule}`);
        }
      }
      if (path.startsWith('cuda/include/') && text.includes('<<<')) breaches.push(`${path}: launches a kernel`);
    }
  }
  return breaches;
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) {
  const breaches = findBreaches(process.argv[2] ?? dirname(dirname(self)));
  for (const breach of breaches) console.error(breach);
  console.log(breaches.length === 0 ? 'layers: clean' : `layers: ${breaches.length} breaches`);
  process.exitCode = breaches.length === 0 ? 0 : 1;
}
