// Plain JavaScript that Node 18 can run: one `npm ci` at a time, and what its failures mean.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const tailLength = 8_000;
const waitMs = 500;
const waitsMax = 1_200;

const mends = [
  [
    /\bENOSPC\b/,
    'The disk is full.',
    'free about 600 MB where the clone stands, then start again.',
  ],
  [
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b/,
    'The package registry cannot be reached.',
    'check the network and "npm config get registry" (behind a proxy: "npm config set proxy URL"), then start again.',
  ],
  [
    /(UNABLE_TO_|SELF_SIGNED_CERT|CERT_HAS_EXPIRED)/,
    "The registry's certificate is not trusted.",
    'point npm to the certificate of your network: "npm config set cafile FILE", then start again.',
  ],
  [
    /\bE40[13]\b/,
    'The registry refuses this machine.',
    'check the credentials in your .npmrc ("npm whoami").',
  ],
  [
    /\b(E404|ETARGET)\b/,
    'The registry lacks a package.',
    'use the public registry or a full mirror: "npm config get registry".',
  ],
  [
    /\b(EACCES|EPERM|EROFS)\b/,
    'The folder cannot be written.',
    'make the clone writable for this user, then start again.',
  ],
  [
    /\bEUSAGE\b/,
    'package.json and package-lock.json do not agree.',
    'run "npm install --ignore-scripts", then start again.',
  ],
];

/** Installs what package-lock.json names, unless another set-up of the same clone does so meanwhile. */
export async function installPackages({ root, isDone, markDone }) {
  const lockFolder = join(root, '.cache', 'setup.lock');
  await takeLock(lockFolder);
  try {
    if (isDone()) return;
    process.stderr.write('Installing packages (once; about 500 MB with Node itself) ...\n');
    await runNpm(root);
    markDone();
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}

async function takeLock(folder) {
  const ownerPath = join(folder, 'pid');
  mkdirSync(join(folder, '..'), { recursive: true });
  for (let waits = 0; waits < waitsMax; waits++) {
    try {
      mkdirSync(folder);
      writeFileSync(ownerPath, String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (waits > 2 && !isOwnerAlive(ownerPath)) rmSync(folder, { recursive: true, force: true });
    else if (waits === 3) process.stderr.write('Waiting for another set-up of this clone ...\n');
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  throw new Error(
    `Another set-up of this clone still runs after ${(waitMs * waitsMax) / 60_000} minutes.\nMend: end it, or remove ${folder}.`,
  );
}

function isOwnerAlive(path) {
  if (!existsSync(path)) return false;
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function runNpm(root) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const script = process.env.npm_execpath;
  const usesScript = script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script);
  const command = usesScript ? process.execPath : 'npm';
  const child = spawn(command, usesScript ? [script, ...args] : args, {
    cwd: root,
    // stdout carries what the task prints, and nothing of the set-up.
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: !usesScript && process.platform === 'win32',
  });
  let tail = '';
  const note = (chunk) => {
    process.stderr.write(chunk);
    tail = (tail + chunk).slice(-tailLength);
  };
  child.stdout.setEncoding('utf8').on('data', note);
  child.stderr.setEncoding('utf8').on('data', note);
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      const mend = 'install npm (it comes with Node: https://nodejs.org), then start again.';
      reject(
        error.code === 'ENOENT' ? new Error(`There is no npm on the PATH.\nMend: ${mend}`) : error,
      );
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(explain(tail, signal === null ? `exit code ${code}` : `signal ${signal}`)),
        );
    });
  });
}

function explain(output, how) {
  const known = mends.find(([pattern]) => pattern.test(output));
  if (known === undefined) return `"npm ci" failed (${how}); what it said stands above.`;
  return `"npm ci" failed (${how}). ${known[1]}\nMend: ${known[2]}`;
}
