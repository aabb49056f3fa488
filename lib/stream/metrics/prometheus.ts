/** The Prometheus text format, version 0.0.4: HELP and TYPE once per name, label values escaped. */

export type MetricType = 'counter' | 'gauge' | 'summary';

export type Labels = Readonly<Record<string, string>>;

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function number(value: number | bigint): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

/** True for what Prometheus takes as a metric's name. */
export function isMetricName(name: string): boolean {
  return NAME.test(name);
}

/** True for what Prometheus takes as a label's name. */
export function isLabelName(name: string): boolean {
  return LABEL.test(name) && !name.startsWith('__');
}

/** Collects samples; every metric's samples must be added together. */
export class PrometheusText {
  #text = '';

  constructor(
    private readonly prefix: string,
    private readonly common: Labels,
  ) {}

  metric(
    name: string,
    type: MetricType,
    help: string,
  ): (value: number | bigint, labels?: Labels, suffix?: string) => void {
    const full = this.prefix + name;
    this.#text += `# HELP ${full} ${escapeHelp(help)}\n# TYPE ${full} ${type}\n`;
    return (value, labels = {}, suffix = '') => {
      const pairs = Object.entries({ ...this.common, ...labels }).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
      this.#text += `${full}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}\n`;
    };
  }

  toString(): string {
    return this.#text;
  }
}
