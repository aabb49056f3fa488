/**
 * Joins of host tables with their matches found on the default device: times and key codes go up, matched rows come
 * down, payload is gathered where it lies. On a device without the addon the JavaScript executor is that device's.
 */
import { loadAddon } from '../internal/native.js';
import { type Executor, javascriptExecutor, provideDeviceExecutor } from '../join/executor.js';
import { createNativeExecutor } from '../join/native-executor.js';
import { defaultDevice, type Device } from './device.js';
import { NativeBackend } from './native-backend.js';

let opened: { readonly device: Device; readonly executor: Executor } | null = null;

function deviceExecutor(): Executor {
  const device = defaultDevice();
  if (opened?.device === device) return opened.executor;
  const { addon } = loadAddon();
  const { backend } = device;
  const executor =
    addon !== null && backend instanceof NativeBackend
      ? createNativeExecutor(addon, backend.device)
      : javascriptExecutor();
  opened = { device, executor };
  return executor;
}

provideDeviceExecutor(deviceExecutor);
