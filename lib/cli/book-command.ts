/** `flowstate book`: its subcommands, each registered by a file of its own. */
import type { Command } from 'commander';

import { registerBookReplay } from './book/replay-flags.js';
import { registerBookReport } from './book/report-command.js';
import { registerBookSimulate } from './book/simulate-command.js';

const SUBCOMMANDS: readonly ((book: Command) => void)[] = [
  registerBookReplay,
  registerBookReport,
  registerBookSimulate,
];

/** Adds `book` and its subcommands to the program. */
export function registerBook(program: Command): void {
  const book = program.command('book').description('the order book: simulate, replay, report');
  for (const register of SUBCOMMANDS) register(book);
}
