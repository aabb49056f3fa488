/**
 * Checks of the device side: CUDA toolkit, driver, devices, GPUDirect Storage. They read files and ask the addon; no
 * driver library is opened here, so a broken driver cannot take the doctor down.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AddonLoad, type NativeDeviceProbe } from '../../internal/native.js';
import { type Check, info, missing, ok } from './check.js';
import { firstLine } from './software.js';

const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/cuda/lib64',
  '/usr/local/nvidia/lib64',
];

function findLibrary(prefix: string): string | null {
  const paths = [
    ...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== ''),
    ...LIBRARY_FOLDERS,
  ];
  for (const folder of paths) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((entry) => entry.startsWith(prefix));
    if (name !== undefined) return join(folder, name);
  }
  return null;
}

function toolkit(probe: NativeDeviceProbe | null): Check {
  const nvcc = ['nvcc', '/usr/local/cuda/bin/nvcc']
    .map((command) => firstLine(command, ['--version'], /release/))
    .find((line) => line !== null);
  if (nvcc !== undefined && nvcc !== null) return ok('CUDA toolkit', nvcc.replace(/^.*release /, 'release '));
  const why = probe?.builtWithCuda === true ? 'no nvcc; only needed to rebuild the addon' : 'no nvcc on PATH';
  return missing('CUDA toolkit', why, 'for joins on a GPU install the CUDA toolkit, then npm rebuild flowstate');
}

function addonCuda(probe: NativeDeviceProbe | null, hasNvcc: boolean): Check {
  if (probe === null) return missing('CUDA in addon', 'there is no addon', 'see addon');
  if (!probe.builtWithCuda) {
    return hasNvcc
      ? missing(
          'CUDA in addon',
          'the addon was built without, although nvcc is here',
          'run `npm run build:addon` (in a checkout) or `npm rebuild flowstate`; see build/install-cuda.log',
        )
      : missing(
          'CUDA in addon',
          'the addon was built where there was no nvcc',
          'install the CUDA toolkit, then `npm rebuild flowstate`',
        );
  }
  return ok('CUDA in addon', `runtime ${probe.runtimeVersion ?? 'unknown'}, linked statically`);
}

function driver(probe: NativeDeviceProbe | null): Check {
  const file = '/proc/driver/nvidia/version';
  const kernel = existsSync(file) ? readFileSync(file, 'utf8').split('\n')[0]!.trim() : null;
  const library = findLibrary('libcuda.so');
  const version = probe?.driverVersion ?? null;
  const why =
    kernel === null
      ? `no NVIDIA kernel module (${file} does not exist)`
      : library === null && version === null
        ? 'the kernel module is loaded, but libcuda.so is not to be found'
        : null;
  if (why === null)
    return ok('NVIDIA driver', [kernel, version === null ? null : `CUDA ${version}`].filter(Boolean).join('; '));
  return missing(
    'NVIDIA driver',
    why,
    kernel === null
      ? 'install the NVIDIA driver; in a container start it with the NVIDIA runtime (--gpus all)'
      : 'mount the driver libraries into the container (--gpus all), or install libcuda1',
  );
}

function devices(probe: NativeDeviceProbe | null): Check[] {
  if (probe === null) return [missing('device', 'there is no addon to ask', 'see addon')];
  if (probe.devices.length === 0) {
    return [
      missing('device', probe.reason ?? 'no CUDA device', 'none is needed: everything runs on the host', 'host only'),
    ];
  }
  return probe.devices.map((device, index) =>
    ok(
      `device cuda:${index}`,
      `${device.name}, compute ${device.computeCapability}, ${(device.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    ),
  );
}

function directStorage(): Check {
  const library = findLibrary('libcufile.so');
  const module = '/proc/driver/nvidia-fs/version';
  if (library === null) {
    return missing('GDS', 'libcufile.so is not to be found', "install the toolkit's GDS package (Debian: libcufile-*)");
  }
  if (!existsSync(module)) {
    return missing(
      'GDS',
      `${library} is there, the nvidia-fs kernel module is not`,
      'load it: modprobe nvidia-fs',
      'no module',
    );
  }
  return ok('GDS', `${library}, nvidia-fs ${readFileSync(module, 'utf8').split('\n')[0]!.trim()}`);
}

/** Every device check. */
export function checkDevice(load: AddonLoad): Check[] {
  const probe = load.addon?.probeDevice() ?? null;
  const nvcc = toolkit(probe);
  const checks = [nvcc, addonCuda(probe, nvcc.status === 'ok'), driver(probe), ...devices(probe), directStorage()];
  const chosen = process.env.FLOWSTATE_DEVICE;
  return chosen === undefined ? checks : [...checks, info('FLOWSTATE_DEVICE', chosen)];
}
