// Gives some shaders to one Tint, by way of Dawn on its null back end, which needs no GPU.
//
// node worker.mjs PACKAGES TINT JOB: PACKAGES is a folder with node_modules, TINT a package in it, JOB a file of JSON:
//     [{"name": "add", "path": "FOLDER/add.wgsl", "constants": [{"LENGTH": 12}, ..]}, ..]
// Of each shader the module must be valid, and then a pipeline with each set of constants. Prints a line of JSON:
//     {"shaders": 1, "pipelines": 1, "errors": ["add.wgsl:3:7: words of the compiler", ..]}
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, tint, job] = process.argv.slice(2);
const entry = createRequire(join(packages, 'package.json')).resolve(tint);
const { create, globals } = await import(pathToFileURL(entry).href);
Object.assign(globalThis, globals);

// Devices do not keep Dawn alive: once this is collected as garbage, they crash or hang.
globalThis.dawn = create(['backend=null']);

const found = { shaders: 0, pipelines: 0, errors: [] };

// A device with baseline limits, and with no feature but subgroups.
async function open() {
  const adapter = await globalThis.dawn.requestAdapter();
  const requiredFeatures = ['subgroups'].filter((feature) => adapter.features.has(feature));
  return adapter.requestDevice({ requiredFeatures });
}

// The error that `act` causes on the device, in words; null where there is none.
async function complaint(device, act) {
  const filters = ['validation', 'internal', 'out-of-memory'];
  filters.forEach((filter) => device.pushErrorScope(filter));
  const errors = [];
  try {
    await act();
  } catch (error) {
    errors.push(error);
  }
  for (let i = 0; i < filters.length; i += 1) errors.push(await device.popErrorScope());
  return errors.find((error) => error)?.message ?? null;
}

// What a message of Dawn says, without the calls in which it was found.
function words(message) {
  return message.split('\n').filter((line) => line.trim() && !line.startsWith(' - While')).join('\n    ');
}

// A message of the compiler with its place, the line that it is about, and the notes to it.
function located(file, lines, { lineNum, linePos, message }, notes) {
  const more = notes.map((note) => `${note.lineNum}:${note.linePos}: ${note.message}`);
  return [`${file}:${lineNum}:${linePos}: ${message}`, lines[lineNum - 1]?.trim(), ...more].filter(Boolean).join('\n    ');
}

// The module, or null where it is refused.
async function compile(device, name, path) {
  const code = readFileSync(path, 'utf8');
  let module = null;
  let messages = [];
  const refused = await complaint(device, async () => {
    module = device.createShaderModule({ code, label: name });
    messages = (await module.getCompilationInfo()).messages;
  });
  const errors = messages.filter(({ type }) => type === 'error');
  const notes = messages.filter(({ type }) => type === 'info');
  const lines = code.split('\n');
  errors.forEach((error) => found.errors.push(located(basename(path), lines, error, notes)));
  if (refused && errors.length === 0) found.errors.push(`${basename(path)}: ${words(refused)}`);
  return refused || errors.length > 0 ? null : module;
}

async function check(device, { name, path, constants }) {
  found.shaders += 1;
  const module = await compile(device, name, path);
  if (!module) return;
  for (const set of constants) {
    const compute = { module, entryPoint: 'main', constants: set };
    const reason = await complaint(device, () => device.createComputePipeline({ layout: 'auto', compute }));
    if (reason) found.errors.push(`${basename(path)} with ${JSON.stringify(set)}: ${words(reason)}`);
    found.pipelines += 1;
  }
}

const device = await open();
for (const shader of JSON.parse(readFileSync(job, 'utf8'))) await check(device, shader);
writeSync(1, `${JSON.stringify(found)}\n`);
// As long as Dawn is alive, node does not end by itself.
process.exit(0);
