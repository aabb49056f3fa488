/**
 * The devices that a suite of the device layer runs on: the host device of the addon and its twin in TypeScript, or,
 * where `test/gpu` says so before it loads the suites, a GPU. One text for all: they must not differ.
 */
import { Device, type DeviceOptions } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';

import { onBothBackends } from './both-backends.js';

/** The device under test. */
export interface Subject {
  readonly id: 'host' | `cuda:${number}`;
  readonly backend: 'native' | 'javascript';
  readonly isHost: boolean;
  /** `memoryBytes` is a limit of the host's; a GPU has what it has. */
  open(options?: DeviceOptions): Device;
}

type Suite = (subject: Subject) => void;

let gpu: { readonly id: Subject['id']; readonly reason: string | null } | null = null;

/** The suites loaded from now on run on a GPU, or skip where there is a `reason`. */
export function runOnGpu(id: `cuda:${number}`, reason: string | null): void {
  gpu = { id, reason };
}

function subjectOf(id: Subject['id'], backend: Subject['backend']): Subject {
  return { id, backend, isHost: id === 'host', open: (options) => Device.open(id, options) };
}

/** Runs a suite on every device of this run. */
export function onDevices(name: string, suite: Suite): void {
  if (gpu === null) {
    onBothBackends(name, (backend) => suite(subjectOf('host', backend)));
    return;
  }
  const { id, reason } = gpu;
  (reason === null ? describe : describe.skip)(`${name}, ${id}`, () => suite(subjectOf(id, 'native')));
}

/** Why no GPU can be tested here; null where one can. */
export function whyNoGpu(): string | null {
  const { addon, reason } = loadAddon();
  return addon === null ? `there is no addon: ${reason ?? 'unknown'}` : Device.probe().reason;
}
