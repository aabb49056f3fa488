/** The device that `--device` names. */
import { Device, type DeviceId, type DeviceOptions } from '../../device/index.js';

/** Throws as `Device.open` does, which checks the text. */
export function openDevice(id: string, options: DeviceOptions = {}): Device {
  return Device.open(id as DeviceId, options);
}

/** Why it is this device and no other. */
export function whyThisDevice(asked: string, device: Device): string {
  if (device.fallbackReason !== null) return device.fallbackReason;
  if (asked !== 'auto') return `--device ${asked}`;
  const { FLOWSTATE_DEVICE: fromEnvironment } = process.env;
  if (fromEnvironment !== undefined && fromEnvironment !== 'auto') return `FLOWSTATE_DEVICE=${fromEnvironment}`;
  return 'the first CUDA device';
}
