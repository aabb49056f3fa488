/** The report of `flowstate gpu bench` as text, 80 columns wide. */
import { formatSize } from '../../parse-size.js';
import { paint, textTable } from '../../terminal.js';
import type { BenchReport, Measure, Section } from './types.js';

const WIDTH = 80;

function timeText(ms: number): string {
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  if (ms >= 1) return `${ms.toFixed(2)} ms`;
  if (ms >= 0.001) return `${(ms * 1000).toFixed(ms >= 0.1 ? 0 : 2)} us`;
  return `${(ms * 1e6).toFixed(0)} ns`;
}

const SHORT = { memcpy: 'memcpy', 'link to device': 'link', 'link to host': 'link', 'device pass': 'pass' } as const;

function rowOf(measure: Measure): string[] {
  const { gbPerSecond, percent, yardstick, aim, met } = measure;
  return [
    measure.label,
    timeText(measure.medianMs),
    gbPerSecond === null ? '' : gbPerSecond.toFixed(2),
    percent === null || yardstick === null ? '' : `${percent.toFixed(0)} % of ${SHORT[yardstick]}`,
    aim === null ? '' : `>= ${aim} %`,
    met === null ? '' : met ? 'met' : 'missed',
  ];
}

/** Words in lines that leave room for the indent. */
function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= WIDTH - 4) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function sectionText(section: Section, color: boolean): string {
  const rows = section.measures.map(rowOf);
  const header = ['', 'median', 'GB/s', 'rate', 'aim', ''];
  // A section without rates or aims shows no columns for them.
  const shown = header.map((_, column) => column < 2 || rows.some((row) => row[column] !== ''));
  const pick = (cells: readonly string[]): string[] => cells.filter((_, column) => shown[column] === true);
  const lines = rows.length === 0 ? [] : textTable(pick(header), rows.map(pick)).split('\n');
  const painted = lines.map((line) =>
    line.replace(/missed$/, (word) => paint(word, 'red', color)).replace(/met$/, (word) => paint(word, 'green', color)),
  );
  return [
    paint(section.title, 'bold', color),
    ...painted.map((line) => `  ${line}`.trimEnd()),
    ...section.notes.flatMap((note) => wrapped(note).map((line, i) => (i === 0 ? `  · ${line}` : `    ${line}`))),
  ].join('\n');
}

/** The whole report. */
export function formatBench(report: BenchReport, color: boolean): string {
  const { device, machine } = report;
  const name = device.kind === 'cuda' ? `${device.id}, ${device.name}` : device.id;
  const head = [
    `device   ${name} (${report.why})`,
    `machine  ${machine.cpu}, ${machine.cores} cores, ${formatSize(machine.memoryBytes)}, node ${machine.node}`,
    `copies   of ${formatSize(report.bytes)}, medians of ${report.runs} runs`,
  ];
  if (device.backend === 'javascript') {
    head.push('', ...wrapped('This is the JavaScript device: it gives the right bytes, and its times say little.'));
  }
  const aims = report.sections.flatMap(({ measures }) => measures).filter(({ met }) => met !== null);
  const missed = aims.filter(({ met }) => met === false);
  const verdict =
    aims.length === 0
      ? 'No aim was measured here.'
      : `${aims.length - missed.length} of ${aims.length} aims met${missed.length === 0 ? '.' : `; missed: ${missed.map(({ label }) => label).join('; ')}.`}`;
  return `${[head.join('\n'), ...report.sections.map((section) => sectionText(section, color)), wrapped(verdict).join('\n')].join('\n\n')}\n`;
}
