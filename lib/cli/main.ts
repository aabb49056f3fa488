/**
 * The `flowstate` command: parses arguments, runs one subcommand, turns failures into exit codes. Subcommands are
 * imported when they run, so that `--help` and `--version` load nothing heavy.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { createError } from '../errors/from-native.js';
import { ArgumentError, type FlowStateError } from '../errors/errors.js';
import { addJoinOptions, type JoinFlags } from './join-flags.js';
import { registerBook } from './book-command.js';
import { registerGpu } from './gpu-command.js';
import { registerStream } from './stream-flags.js';
import { didYouMean } from '../internal/suggest.js';
import { quietWhenReaderLeaves } from './interrupt.js';
import { EXIT_OK, exitCodeOf, reportError } from './report-error.js';

function buildProgram(version: () => string): Command {
  const program = new Command('flowstate')
    .description('Point-in-time correct as-of joins: files in, feature matrices out.')
    .option('--verbose', 'print stack traces of errors')
    .option('-V, --version', 'print the version')
    .action((flags: { version?: boolean }) => {
      process.stdout.write(flags.version === true ? `${version()}\n` : program.helpInformation());
    });
  // Joins learn of devices from the layer above them, which nothing else here needs to load.
  program.hook('preAction', async (_, command) => {
    const wanted = command.opts<{ backend?: string }>().backend ?? process.env.FLOWSTATE_BACKEND;
    if (wanted === 'device') await import('../device/index.js');
  });
  addJoinOptions(program.command('join')).action(async (flags: JoinFlags) => {
    const { runJoin } = await import('./join-command.js');
    await runJoin(flags);
  });
  program
    .command('doctor')
    .description('versions, executor, addon, compiler, CUDA, driver, device, GDS; what is missing, why, and what to do')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const { runDoctor } = await import('./doctor-command.js');
      runDoctor(flags);
    });
  program
    .command('demo')
    .description('simulate a small market, join it from the command line, write an HTML report')
    .option('--dir <folder>', 'where the files go', 'demo-output')
    .option('--trades <count>', 'rows of trades to aim for', parseCount, 200_000)
    .option('--quotes <count>', 'rows of quotes to aim for', parseCount, 1_000_000)
    .option('--seed <number>', 'seed of the generator', parseCount, 7)
    .action(async (flags: { dir: string; trades: number; quotes: number; seed: number }) => {
      const { runDemo } = await import('./demo-command.js');
      await runDemo(flags);
    });
  registerStream(program);
  registerBook(program);
  registerGpu(program);
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .showSuggestionAfterError(false);
    if (command !== program) command.option('--verbose', 'print stack traces of errors');
  }
  return program;
}

function parseCount(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a positive whole number');
  return value;
}

/** The library's error for what commander found wrong. */
function usageError(error: CommanderError, program: Command, argv: readonly string[]): FlowStateError {
  const top = program.commands.find((each) => argv.includes(each.name()));
  const nested = top?.commands.find((each) => argv.includes(each.name()));
  const command = nested ?? top;
  const where = ['flowstate', top?.name(), nested?.name()].filter((name) => name !== undefined).join(' ');
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') {
    const known = (command ?? program).options.map((option) => option.long ?? '');
    return createError(
      'FS_ERR_OPTION_UNKNOWN',
      `expected a known option, found ${quoted}${didYouMean(quoted, known)}, in ${where}`,
    );
  }
  if (error.code === 'commander.unknownCommand' || error.code === 'commander.excessArguments') {
    const found = command === undefined ? argv.find((word) => !word.startsWith('-')) : undefined;
    if (found !== undefined) {
      const names = program.commands.map((each) => each.name());
      return createError(
        'FS_ERR_OPTION_UNKNOWN',
        `expected a command (${names.join(', ')}), found ${found}${didYouMean(found, names)}`,
      );
    }
    return createError('FS_ERR_ARG_TYPE', `expected options only, found an extra argument, in ${where}`);
  }
  if (error.code === 'commander.missingMandatoryOptionValue') {
    return createError('FS_ERR_ARG_TYPE', `expected ${quoted}, found nothing, in ${where}`);
  }
  if (error.code === 'commander.optionMissingArgument') {
    return createError('FS_ERR_ARG_TYPE', `expected a value after ${quoted}, found nothing, in ${where}`);
  }
  return new ArgumentError('FS_ERR_ARG_TYPE', `${error.message.replace(/^error: /, '')}, in ${where}`);
}

/** Runs the command and sets `process.exitCode`; never rejects. */
export async function main(argv: readonly string[]): Promise<void> {
  const { flowstateVersion } = await import('./version.js');
  // Node's own form of a warning takes two lines and names a process id.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => process.stderr.write(`flowstate: ${warning.message}\n`));
  quietWhenReaderLeaves();
  const program = buildProgram(flowstateVersion);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === EXIT_OK) return;
    const error = thrown instanceof CommanderError ? usageError(thrown, program, argv) : thrown;
    reportError(error, argv.includes('--verbose'));
    process.exitCode = exitCodeOf(error);
  }
}
