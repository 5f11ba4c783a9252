// Checks WGSL shaders with every Tint that package.json names.
//
// node check.mjs PACKAGES FOLDER [PIPELINES]
//     each *.wgsl of FOLDER, and a pipeline for each line {"kernel": "add", "constants": {"LENGTH": 12}} of PIPELINES,
//     which then must have one for every shader
// node check.mjs PACKAGES --self-test
//     whether the faults in plants/ are found
// node check.mjs PACKAGES --starts
//     whether each Tint runs on this machine
//
// PACKAGES is a folder with package.json and node_modules. A few shaders at a time are given to a process of their own, so
// that a compiler that crashes or hangs is an error too, and says at which shaders; it is tried twice.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const SHADERS_A_PROCESS = 8;
const LIMITS = { tries: 2, seconds: 60 };

// One process over some shaders: what it found, or why there was no answer.
function attempt(packages, tint, shaders, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'check-shaders-'));
  try {
    const job = join(folder, 'job.json');
    writeFileSync(job, JSON.stringify(shaders));
    const command = [join(here, 'worker.mjs'), packages, tint, job];
    const options = { timeout: seconds * 1000, killSignal: 'SIGKILL', encoding: 'utf8', maxBuffer: 2 ** 26 };
    const { stdout, stderr, error, signal, status } = spawnSync(process.execPath, command, options);
    if (stdout?.endsWith('}\n')) return { found: JSON.parse(stdout) };
    if (error?.code === 'ETIMEDOUT') return { reason: `no answer within ${seconds} s` };
    const said = stderr?.split('\n').find((line) => /^\w*Error: |what\(\)/.test(line));
    return { reason: said ?? `the compiler ended with ${signal ?? status}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// What one Tint says of all shaders.
function checkWith(packages, tint, shaders, { tries, seconds } = LIMITS) {
  const all = { shaders: 0, pipelines: 0, errors: [] };
  for (let first = 0; first < shaders.length; first += SHADERS_A_PROCESS) {
    const some = shaders.slice(first, first + SHADERS_A_PROCESS);
    let answer = {};
    for (let i = 0; i < tries && !answer.found; i += 1) answer = attempt(packages, tint, some, seconds);
    if (answer.found) {
      all.shaders += answer.found.shaders;
      all.pipelines += answer.found.pipelines;
      all.errors.push(...answer.found.errors);
    } else {
      all.errors.push(`${some.map(({ name }) => name).join(', ')}: ${answer.reason}`);
    }
  }
  return all;
}

// The names of all Tints.
function tints(packages) {
  return Object.keys(JSON.parse(readFileSync(join(packages, 'package.json'), 'utf8')).dependencies);
}

// A file of JSON, one value a line.
function rows(path) {
  const row = (line, i) => {
    try {
      return line.trim() ? [JSON.parse(line)] : [];
    } catch (error) {
      throw new Error(`${path}:${i + 1}: ${error.message}`);
    }
  };
  return readFileSync(path, 'utf8').split('\n').flatMap(row);
}

// The shaders of a folder, each with the sets of constants that it is used with.
function load(folder, pipelines) {
  const names = readdirSync(folder).filter((file) => file.endsWith('.wgsl')).map((file) => file.slice(0, -'.wgsl'.length));
  if (names.length === 0) throw new Error(`${folder} holds no shader`);
  const sets = new Map(names.sort().map((name) => [name, new Map()]));
  for (const { kernel, constants } of pipelines ? rows(pipelines) : []) {
    if (!sets.has(kernel)) throw new Error(`${pipelines} names ${kernel}, and there is no such shader`);
    sets.get(kernel).set(JSON.stringify(constants), constants);
  }
  const unused = pipelines ? names.filter((name) => sets.get(name).size === 0) : [];
  if (unused.length > 0) throw new Error(`${pipelines} has no constants for ${unused.join(', ')}`);
  return names.map((name) => ({ name, path: join(folder, `${name}.wgsl`), constants: [...sets.get(name).values()] }));
}

function check(packages, folder, pipelines) {
  const shaders = load(folder, pipelines);
  let counts = '';
  const errors = tints(packages).flatMap((tint) => {
    const found = checkWith(packages, tint, shaders);
    counts = `${found.shaders} shaders, ${found.pipelines} pipelines`;
    return found.errors.map((error) => `${tint}: ${error}`);
  });
  if (errors.length === 0) console.log(counts);
  return errors;
}

// Each line of plants.jsonl: a shader, its constants, and for each Tint a part of what it must say, or null where the
// shader is sound. And a process that does not answer in time must be an error.
function selfTest(packages) {
  const folder = join(here, 'plants');
  const plant = (kernel, constants) => [{ name: kernel, path: join(folder, `${kernel}.wgsl`), constants }];
  const cases = rows(join(folder, 'plants.jsonl'));
  const errors = tints(packages).flatMap((tint) => cases.flatMap(({ kernel, constants, says }) => {
    const found = checkWith(packages, tint, plant(kernel, [constants])).errors;
    const want = typeof says === 'object' && says ? says[tint] : says;
    const right = want === null ? found.length === 0 : found.length === 1 && found[0].includes(want);
    return right ? [] : [`${tint}: ${kernel} with ${JSON.stringify(constants)}: want ${want}, got ${found.join('; ')}`];
  }));
  const late = checkWith(packages, tints(packages)[0], plant('sound', []), { tries: 1, seconds: 0.001 }).errors;
  if (!late[0]?.startsWith('sound: no answer')) errors.push(`a process that does not answer passes: ${late}`);
  return errors.map((error) => `self-test: ${error}`);
}

function starts(packages) {
  return tints(packages).flatMap((tint) => {
    const { reason } = attempt(packages, tint, [], LIMITS.seconds);
    return reason ? [`${tint} does not run here: ${reason}`] : [];
  });
}

const [packages, what, pipelines] = process.argv.slice(2);
const act = { '--self-test': selfTest, '--starts': starts }[what] ?? check;
let errors;
try {
  errors = act(packages, what, pipelines);
} catch (error) {
  errors = [error.message];
}
errors.forEach((error) => console.error(error));
process.exitCode = errors.length === 0 ? 0 : 1;
