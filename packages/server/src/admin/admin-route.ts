import { readFile } from 'node:fs/promises';
import { jsonAnswer, type OwnAnswer, type OwnRoute, pathOf } from '@millrace/gateway';
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
  return ({ method, target }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const path = pathOf(target);
    const page = pages[path];
    if (page !== undefined) return pageAnswer(page);
    if (path === '/health') return healthAnswer(parts);
    if (path === '/metrics') return metricsAnswer(parts);
    return path === '/admin/status' ? statusAnswer(parts) : undefined;
  };
}

async function pageAnswer([file, type]: readonly [file: string, type: string]): Promise<OwnAnswer> {
  return {
    status: 200,
    headers: {
      'content-type': type,
      'content-security-policy': contentPolicy,
      'cache-control': 'no-cache',
    },
    body: await readFile(new URL(`page/${file}`, import.meta.url)),
  };
}

/** 200 exactly when requests are served. */
function healthAnswer({ served }: AdminParts): OwnAnswer {
  const reason = served.unavailable;
  return jsonAnswer(reason === undefined ? 200 : 503, {
    status: reason === undefined ? 'serving' : 'unavailable',
    ...(reason === undefined ? {} : { reason: reason.message }),
  });
}

async function metricsAnswer(parts: AdminParts): Promise<OwnAnswer> {
  const engine = await parts.served.readMetrics();
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body:
      parts.registry.expose() + (engine ?? '# The engine is not there; its metrics are missing.\n'),
  };
}

async function statusAnswer(parts: AdminParts): Promise<OwnAnswer> {
  const metrics = await parts.served.readMetrics();
  return jsonAnswer(
    200,
    readStatus({ served: parts.served, metrics, gateway: parts.registry.expose() }),
  );
}
