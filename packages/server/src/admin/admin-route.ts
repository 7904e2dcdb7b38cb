import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { OwnRoute } from '@millrace/gateway';
import type { Registry } from '@millrace/telemetry';
import type { ServedSource } from './served-source.ts';
import { readStatus } from './status.ts';

/** What the admin routes show. */
export interface AdminParts {
  readonly registry: Registry;
  readonly served: ServedSource;
}

const pages: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
};

/** Nothing from elsewhere, nothing inline. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers `/`, `/admin/status`, `/health` and `/metrics`. */
export function createAdminRoute(parts: AdminParts): OwnRoute {
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const page = pages[path];
    if (page !== undefined) await sendPage(response, page);
    else if (path === '/health') sendHealth(response, parts);
    else if (path === '/metrics') await sendMetrics(response, parts);
    else if (path === '/admin/status') await sendStatus(response, parts);
    else return false;
    return true;
  };
}

async function sendPage(
  response: ServerResponse,
  page: readonly [file: string, type: string],
): Promise<void> {
  const [file, type] = page;
  const text = await readFile(new URL(`page/${file}`, import.meta.url));
  response.writeHead(200, {
    'content-type': type,
    'content-security-policy': contentPolicy,
    'cache-control': 'no-cache',
  });
  response.end(text);
}

/** 200 exactly when requests are served. */
function sendHealth(response: ServerResponse, { served }: AdminParts): void {
  const reason = served.unavailable;
  sendJson(response, reason === undefined ? 200 : 503, {
    status: reason === undefined ? 'serving' : 'unavailable',
    ...(reason === undefined ? {} : { reason: reason.message }),
  });
}

async function sendMetrics(response: ServerResponse, parts: AdminParts): Promise<void> {
  const engine = await parts.served.readMetrics();
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(
    parts.registry.expose() + (engine ?? '# The engine is not there; its metrics are missing.\n'),
  );
}

async function sendStatus(response: ServerResponse, parts: AdminParts): Promise<void> {
  const metrics = await parts.served.readMetrics();
  sendJson(
    response,
    200,
    readStatus({ served: parts.served, metrics, gateway: parts.registry.expose() }),
  );
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
